"""Tests of the container and of the compose file, without an engine: what they run, set, write and install fits the program."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Any

import click
import pytest
import yaml
from builders import has_current_bundle

from vocservice.cli import COMMANDS
from vocservice.settings import Settings, load_settings
from vocservice.store.sealing import new_key
from vocservice.web.serving.draining import LINGER_SECONDS
from vocservice.web.serving.with_gunicorn import GRACEFUL_SECONDS

REPOSITORY = Path(__file__).parents[1]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
STORE_KEY = new_key()
SECRETS = {"VOC_KEY": STORE_KEY, "POSTGRES_PASSWORD": "p"}
FOLDERS = [name for name, field in Settings.model_fields.items() if "folder" in getattr(field.annotation, "model_fields", {})]
SECONDS = 180
# Runs the program with nothing but what requirements-serve.txt pins.
ALONE = """
import sys
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name
pinned = {canonicalize_name(line.partition("==")[0]) for line in open(sys.argv.pop(1)) if "==" in line}
others = {name for name, held in packages_distributions().items() if not {canonicalize_name(one) for one in held} & pinned}
others -= {"vocservice", "training", "pip", "setuptools", "pkg_resources", "_distutils_hack", "packaging"}
class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in others:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
for name in others & set(sys.modules):
    del sys.modules[name]
from vocservice.cli import main
main()
"""


def health_check() -> str:
    """The program that the container asks whether it is well."""
    found = re.search(r'"-c", "(import os.*)"\]', DOCKERFILE)
    assert found
    return found[1]


def asked(port: int) -> int:
    environment = {**os.environ, "VOC_BIND": f"0.0.0.0:{port}"}
    return subprocess.run([sys.executable, "-c", health_check()], env=environment, capture_output=True, check=False).returncode


def filled(value: str) -> str:
    """A value of the compose file with its variables in it."""
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SECRETS[found[1]], value)


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_the_compose_file_is_one_of_voc(name: str) -> None:
    command, *arguments = OURS[name]["command"]
    found: click.Command = getattr(import_module(COMMANDS[command].module), command)
    assert found.make_context(command, list(arguments)).info_name == command


@pytest.mark.parametrize("name", OURS)
def test_every_setting_of_the_compose_file_is_one_and_is_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {key: filled(value) for key, value in OURS[name]["environment"].items()}
    assert not any("$" in value for value in given.values())
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    found = load_settings()
    assert found.store.url.get_secret_value() == "postgresql://voc:p@postgres/voc"
    assert (found.store.sealing_keys(), found.redis_url.get_secret_value()) == ((STORE_KEY,), "redis://redis:6379/0")
    assert (found.batches.folder, found.reports.folder) == (given["VOC_BATCHES__FOLDER"], given["VOC_REPORTS__FOLDER"])


def test_the_compose_file_names_what_is_in_it_and_publishes_to_loopback_only() -> None:
    services = COMPOSE["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services[other], name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert "build" in service or re.fullmatch(r"[\w./-]+:\d[\w.-]*", service["image"]), name
    assert "5432" not in str([service.get("ports") for service in services.values()])


@pytest.mark.parametrize("name", OURS)
def test_what_is_written_lies_where_the_user_of_the_container_may_write(name: str) -> None:
    service = OURS[name]
    mounted = {PurePosixPath(volume.split(":")[1]) for volume in service["volumes"]}
    assert service["read_only"] and service["tmpfs"] == ["/tmp"]  # noqa: S108 - where the counts of the processes lie
    assert {"batches", "reports"} <= set(FOLDERS)
    for table in FOLDERS:
        folder = PurePosixPath(service["environment"][f"VOC_{table.upper()}__FOLDER"])
        assert mounted & {folder, *folder.parents}
    made = re.search(r"install -d -o voc -g voc -m 0700 (.+)$", DOCKERFILE, flags=re.MULTILINE)
    assert made and {str(path) for path in mounted} <= set(made[1].split())  # a new volume takes owner and mode of what it covers


@pytest.mark.parametrize("name", OURS)
def test_who_is_told_to_stop_hears_it_and_has_the_time_to_end_what_was_begun(name: str) -> None:
    assert OURS[name]["init"] is True  # process 1 hears no SIGTERM before it has said what to do at one
    found = re.fullmatch(r"(\d+)s", OURS[name]["stop_grace_period"])
    assert found and int(found[1]) > max(LINGER_SECONDS + GRACEFUL_SECONDS, Settings().jobs.grace_seconds)


def test_the_database_is_well_only_when_it_takes_connections_from_outside() -> None:
    assert "--host=127.0.0.1" in COMPOSE["services"]["postgres"]["healthcheck"]["test"]


def test_our_services_are_one_image() -> None:
    assert len({service["image"] for service in OURS.values()}) == 1


def test_the_image_is_built_with_nothing_from_a_registry_but_its_base() -> None:
    named = set(re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)) | set(re.findall(r"--from=(\S+)", DOCKERFILE))
    assert named == {"python:3.11-slim-bookworm", "built"}
    assert not re.search(r"^# *(syntax|escape|check) *=", DOCKERFILE, flags=re.MULTILINE)  # a frontend is an image too


def test_what_the_image_is_made_of_reaches_the_builder_and_serves_with_every_setting() -> None:
    let_in = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    copied = {name for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE) for name in names.split()}
    installed = set(re.findall(r"--requirement /tmp/(\S+)", DOCKERFILE))
    assert copied == let_in and all((REPOSITORY / name).exists() for name in copied)
    assert installed == {"requirements-serve.txt", "requirements-oidc.txt"} <= copied


def test_what_is_copied_is_readable_by_the_user_of_the_container_whatever_the_modes_of_the_checkout() -> None:
    first, second = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert "chmod -R u=rwX,go=rX /app" in first
    assert all(line.startswith("COPY --from=built ") for line in second.splitlines() if line.startswith("COPY"))


def test_the_health_check_is_well_with_a_200_only() -> None:
    statuses = iter([200, 503])

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(next(statuses) if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        assert [asked(server.server_port) == 0 for _ in range(2)] == [True, False]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_commands_of_the_container_run_with_what_serving_installs_alone_and_write_to_its_volume_only(tmp_path: Path) -> None:
    volume, app, temporary = (tmp_path / name for name in ("volume", "app", "tmp"))
    for folder in (volume, app, temporary):
        folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given: dict[str, Any] = {
        "VOC_STORE__URL": f"sqlite:///{volume / 'voc.db'}",
        "VOC_STORE__KEYS": f'["{STORE_KEY}"]',
        "VOC_BATCHES__FOLDER": str(volume / "batches"),
        "VOC_HTTP__LOADS_MODEL": str(has_current_bundle()).lower(),
        "VOC_HOME": str(REPOSITORY),
        "VOC_BIND": f"127.0.0.1:{port}",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOC_")} | given
    voc = [sys.executable, "-c", ALONE, str(REPOSITORY / "requirements-serve.txt")]
    for arguments in (["init"], ["worker", "--once"]):
        done = subprocess.run([*voc, *arguments], env=environment, cwd=app, capture_output=True, text=True, check=False, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
    served = subprocess.Popen([*voc, *OURS["app"]["command"]], env=environment, cwd=app, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + SECONDS
        while asked(port):
            assert served.poll() is None and time.monotonic() < end
            time.sleep(0.5)
    finally:
        served.send_signal(signal.SIGTERM)
        log = served.communicate(timeout=SECONDS)[0]
    assert served.returncode == 0 and b"werkzeug" not in log, log
    assert list(app.iterdir()) == [] and list(temporary.iterdir()) == []
    assert {path.name for path in volume.iterdir()} <= {"voc.db", "voc.db-wal", "voc.db-shm", "batches"}

"""Tests of `--engine ray`: the bytes of the local engine, whichever worker dies; skipped where Ray is not installed."""

import importlib.util
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from builders import json_lines
from commands import Voc

from vocservice.api import Analyser

from .builders import SHARD, killed_at, table

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed (requirements-ray.txt)")
ROWS = 300
RAY = ("--engine", "ray", "--workers", 2, "--no-progress")
TESTS = Path(__file__).parents[1]
LOOPBACK = {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}  # of IPv4, mapped into IPv6, of IPv6


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two CPUs of this machine; where the fakes leave their traces."""
    traces = tmp_path_factory.mktemp("traces")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join((str(TESTS), str(TESTS.parent))))
        patched.setenv("RAY_FAKES_TRACES", str(traces))
        from vocservice.batch import ray_engine

        ray = ray_engine._library(is_alone=True)
        ray_engine._connect(ray, None, 2)
        yield traces
        ray.shutdown()


@pytest.fixture
def given(cluster: Path, small_shards: None, analyser: Analyser, tmp_path: Path) -> Path:
    return table(tmp_path, records=ROWS)


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda name: monkeypatch.setattr("vocservice.batch.ray_engine.FACTORY", f"batch.ray_fakes:{name}")


def outcome(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_name(f"{out.name}.rejects.jsonl").read_bytes()


def locally(voc: Voc, given: Path, out: Path) -> tuple[bytes, bytes]:
    """What this process alone makes of it."""
    assert voc("classify", given, "-o", out).code == 3
    return outcome(out)


def listeners(process: int) -> set[tuple[str, int]]:
    """Address in the kernel's own hex and port of every TCP socket on which a process or one below it listens."""
    below, everyone = {process}, {int(path.name): path for path in Path("/proc").glob("[0-9]*")}
    for _ in range(5):
        below |= {number for number, path in everyone.items() if parent_of(path) in below}
    sockets = {found for number in below for found in sockets_of(everyone[number])}
    tables = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    listening = [row[1].partition(":") for row in tables if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return {(address, int(port, 16)) for address, _, port in listening}


def parent_of(process: Path) -> int:
    """0 where it has ended."""
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def sockets_of(process: Path) -> list[str]:
    found = []
    with suppress(OSError):
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                found.append(os.readlink(link))
    return found


@needs_ray
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_two_workers_give_the_bytes_of_one_process(suffix: str, given: Path, tmp_path: Path, voc: Voc, factory: Any) -> None:
    factory("fake")
    out = tmp_path / f"out.{suffix}"
    ran = voc("classify", given, "-o", out, *RAY)
    assert ran.code == 3, ran.err
    assert not out.with_name(f"{out.name}.shards").exists()
    assert '"engine": "ray"' in out.with_name(f"{out.name}.manifest.json").read_text()
    assert outcome(out) == locally(voc, given, tmp_path / f"local.{suffix}")


@needs_ray
def test_a_worker_that_is_killed_loses_and_doubles_nothing(given: Path, cluster: Path, tmp_path: Path, voc: Voc, factory: Any) -> None:
    factory("dying_once")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 3, ran.err
    assert (cluster / "once").exists()
    assert outcome(tmp_path / "out.csv") == locally(voc, given, tmp_path / "local.csv")


@needs_ray
def test_a_record_that_kills_every_worker_ends_the_run_which_can_be_gone_on_with(
    given: Path, tmp_path: Path, voc: Voc, factory: Any
) -> None:
    factory("dying_always")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 2 and "error [workers_lost]" in ran.err and "--resume" in ran.err and not (tmp_path / "out.csv").exists()
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume")
    assert ran.code == 3 and "resuming: 0 records" not in ran.err and "records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == locally(voc, given, tmp_path / "local.csv")


@needs_ray
def test_a_local_run_is_gone_on_with_by_workers(given: Path, tmp_path: Path, voc: Voc, factory: Any) -> None:
    factory("fake")
    killed_at("after_shard_20", "classify", given, "-o", tmp_path / "out.csv")
    ran = voc("classify", given, "-o", tmp_path / "out.csv", "--resume", *RAY)
    assert ran.code == 3 and f"resuming: {20 * SHARD} records are done" in ran.err
    assert outcome(tmp_path / "out.csv") == locally(voc, given, tmp_path / "local.csv")


@needs_ray
def test_a_stream_is_answered_in_order(given: Path, tmp_path: Path, voc: Voc, factory: Any) -> None:
    factory("fake")
    ran = voc("classify", given, *RAY)
    assert ran.code == 3 and [one["id"] for one in json_lines(ran.out)] == [str(number) for number in range(ROWS)]


@needs_ray
@pytest.mark.parametrize(
    ("name", "code", "told"),
    [("another_model", "worker_mismatch", "another model"), ("no_model", "bundle_invalid", "no bundle of that name")],
)
def test_a_worker_that_is_not_like_this_process_is_refused(
    name: str, code: str, told: str, given: Path, tmp_path: Path, voc: Voc, factory: Any
) -> None:
    factory(name)
    ran = voc("classify", given, "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 2 and f"error [{code}]" in ran.err and told in ran.err and not (tmp_path / "out.csv").exists()


@needs_ray
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells who listens under /proc")
def test_a_cluster_of_ones_own_listens_on_loopback_only(cluster: Path) -> None:
    import ray

    host, port = ray.get_runtime_context().gcs_address.rsplit(":", 1)
    others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    assert host == "127.0.0.1"
    for other in others:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((str(other), int(port)), timeout=2).close()
    found = listeners(os.getpid())
    assert int(port) in {number for _, number in found} and {address for address, _ in found} <= LOOPBACK


# --- without Ray ----------------------------------------------------------------------------------------------------


def test_without_ray_the_remedy_is_told(tmp_path: Path, voc: Voc, analyser: Analyser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vocservice.batch.engines.find_spec", lambda _: None)
    ran = voc("classify", table(tmp_path), "-o", tmp_path / "out.csv", *RAY)
    assert ran.code == 2 and "error [ray_missing]" in ran.err and "pip install -r requirements-ray.txt" in ran.err


@pytest.mark.parametrize("option", [("--workers", 2), ("--ray-address", "auto")])
def test_an_option_that_would_do_nothing_is_refused(option: tuple[object, ...], tmp_path: Path, voc: Voc, analyser: Analyser) -> None:
    ran = voc("classify", table(tmp_path), "-o", tmp_path / "out.csv", *option)
    assert ran.code == 2 and "need --engine ray" in ran.err

"""An installation in, a list of checks with remedies out: `voc doctor`; exit code 1 when something is wrong."""

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import click

from vocservice import api
from vocservice.api import Analyser, bundle_folder
from vocservice.cli.failures import FAULT, OK
from vocservice.errors import BundleError, ConfigError, VocError
from vocservice.paths import config_path, home
from vocservice.records import Analysis, Result
from vocservice.settings import Settings, load_settings
from vocservice.taxonomy import has_place, load_taxonomy

T = TypeVar("T")

MIN_PYTHON = (3, 11)
MIN_FREE_BYTES = 1024**3
PACKAGES = (
    *("numpy", "onnxruntime", "tokenizers", "safetensors", "pydantic", "pydantic-settings", "click", "rich", "orjson"),
    *("phonenumbers", "py3langid", "spacy", "charset-normalizer", "pyarrow", "python-calamine", "xlsxwriter", "flask", "gunicorn"),
    *("sqlalchemy", "alembic", "psycopg", "cryptography", "argon2-cffi", "prometheus-client", "redis", "jinja2"),
)
OPTIONAL = ("pandas", "polars", "torch")
SMOKE = "The app crashed twice, but support was friendly and fixed it within an hour."
PRAISE = "Thank you! The staff were friendly and helpful, and everything works perfectly."
COMPLAINT = "Terrible service: the agent was rude, nobody ever called me back, and I am still waiting for my refund."
RUNS = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its name, whether it passed, what was found, and the remedy."""

    name: str
    is_ok: bool
    found: str
    remedy: str = ""


@click.command()
@click.option("--bundle", help="Version under models/, or path, of the model to check; set in the configuration by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def doctor(bundle: str | None, as_json: bool) -> int:
    """Check this installation.

    Checks Python, packages, disk, settings, threads, redaction, model and its hashes, taxonomy, the time to analyse one sentence, and the
    sentiment of plain praise and a plain complaint.

    Exit codes: 0 no faults, 1 at least one fault.
    """
    checks = list(examine(bundle))
    is_ok = all(check.is_ok for check in checks)
    if as_json:
        click.echo(json.dumps({"ok": is_ok, "checks": [asdict(check) for check in checks]}))
    else:
        click.echo("\n".join(map(_line, checks)))
    return OK if is_ok else FAULT


def examine(bundle: str | None) -> Iterator[Check]:
    """All checks; those that depend on a failed one are skipped."""
    packages = _packages()
    yield from (_python(), packages, _guarded("disk", _disk))
    if not packages.is_ok:
        return
    settings = _attempt(load_settings)
    if isinstance(settings, VocError):
        yield Check("settings", False, settings.message, "correct config/service.toml or the VOC_* variable")
        return
    yield Check("settings", True, "config/service.toml and the environment are valid")
    yield _threads(settings)
    redaction = _guarded("redaction", _redaction, "correct config/redaction.toml")
    yield redaction
    if redaction.is_ok:
        yield from _model(settings, bundle)


def _python() -> Check:
    is_ok = sys.version_info[:2] >= MIN_PYTHON
    return Check("python", is_ok, platform.python_version(), "" if is_ok else f"use Python {'.'.join(map(str, MIN_PYTHON))} or later")


def _packages() -> Check:
    found = {name: _version(name) for name in (*PACKAGES, *OPTIONAL)}
    missing = [name for name in PACKAGES if found[name] is None]
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    if missing:
        return Check("packages", False, f"missing: {', '.join(missing)}", "install the requirements (make setup)")
    return Check("packages", True, listed)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _disk() -> Check:
    free = shutil.disk_usage(home()).free
    is_ok = free >= MIN_FREE_BYTES
    return Check("disk", is_ok, f"{free / 1024**3:.1f} GiB free in {home()}", "" if is_ok else "free at least 1 GiB")


def _threads(settings: Settings) -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    is_ok = settings.threads <= cores
    wanted = settings.threads or f"{cores} (all)"
    return Check("threads", is_ok, f"{wanted} of {cores} cores", "" if is_ok else "more threads than cores slow it down: lower threads")


def _redaction() -> Check:
    from vocservice.text.rules import RedactionRules

    rules = RedactionRules.load(config_path("redaction.toml"))
    return Check("redaction", True, f"masks {', '.join(rules.kinds)}")


def _model(settings: Settings, bundle: str | None) -> Iterator[Check]:
    folder = _attempt(partial(bundle_folder, bundle or settings.bundle))
    if isinstance(folder, VocError):
        yield _failed("bundle", folder)
        return
    yield Check("bundle", True, f"{folder.name} in {folder.parent}")
    analyser = _attempt(partial(api.load, folder, settings=settings.model_copy(update={"taxonomy": ""})))
    if isinstance(analyser, VocError):
        yield _failed("hashes", analyser)
        return
    yield Check("hashes", True, "every file matches the manifest")
    yield _guarded("taxonomy", partial(_taxonomy, settings, analyser))
    analysis = _guarded("analysis", partial(_smoke, analyser))
    yield analysis
    if analysis.is_ok and any(label_set.name == "sentiment" and has_place(label_set) for label_set in analyser.taxonomy.of("verbatim")):
        yield _guarded("sentiment", partial(_sentiment, analyser))


def _failed(name: str, error: VocError) -> Check:
    """The reason why there is no model."""
    if isinstance(error, BundleError):
        return Check(name, False, error.fault, error.remedy or BundleError.CHOOSE)
    return Check(name, False, error.message, "correct what it names, or install the requirements (make setup)")


def _taxonomy(settings: Settings, analyser: Analyser) -> Check:
    expected = load_taxonomy(Path(settings.taxonomy) if settings.taxonomy else None)
    is_ok = expected.id == analyser.taxonomy.id
    remedy = "" if is_ok else f"the configured one is {expected.id}: retrain, or set taxonomy to the bundle's own file"
    return Check("taxonomy", is_ok, f"the bundle holds {analyser.taxonomy.id}", remedy)


def _smoke(analyser: Analyser) -> Check:
    """Median time of a few runs, after a warm-up."""
    result = analyser.analyse(SMOKE)
    if not isinstance(result, Analysis):
        return Check("analysis", False, f"rejected: {result.code}", result.message)
    times = sorted(_timed(analyser) for _ in range(RUNS))
    return Check("analysis", True, f"one sentence in {times[RUNS // 2] * 1000:.1f} ms")


def _sentiment(analyser: Analyser) -> Check:
    """A bundle can load and still be broken: then plain praise and a plain complaint score alike."""
    praise, complaint = map(_score, analyser.analyse([PRAISE, COMPLAINT]))
    is_ok = praise > 0 > complaint
    return Check("sentiment", is_ok, f"of praise {praise:+.2f}, of a complaint {complaint:+.2f}", "" if is_ok else BundleError.RENEW)


def _score(result: Result) -> float:
    return result.sentiment.score if isinstance(result, Analysis) and result.sentiment else 0.0


def _timed(analyser: Analyser) -> float:
    started = time.perf_counter()
    analyser.analyse(SMOKE)
    return time.perf_counter() - started


def _attempt(make: Callable[[], T]) -> T | VocError:
    try:
        return make()
    except VocError as error:
        return error
    except ImportError as error:
        return ConfigError(f"{error.name or 'a library'} cannot be imported")


def _guarded(name: str, check: Callable[[], Check], remedy: str = "") -> Check:
    """Run a check; an error becomes a failed check."""
    try:
        return check()
    except (VocError, OSError) as error:
        return Check(name, False, error.message if isinstance(error, VocError) else str(error.strerror), remedy)


def _line(check: Check) -> str:
    remedy = f" -> {check.remedy}" if check.remedy else ""
    return f"{'ok   ' if check.is_ok else 'WRONG'} {check.name}: {check.found}{remedy}"

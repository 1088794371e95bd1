"""A self-contained page in, a PDF or a picture out, rendered by the Chromium on the PATH, without network, with a time limit."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vocservice.errors import OutputError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120.0
SLIDE = (1600, 900)
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
)


@dataclass(frozen=True, slots=True)
class Browser:
    """A headless Chromium; each page runs in a new process with a temporary profile."""

    program: str
    seconds: float = SECONDS

    @classmethod
    def find(cls) -> "Browser":
        """The first of the known names on the PATH.

        Raises:
            OutputError: there is none (`browser_missing`).
        """
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if program is None:
            raise OutputError(
                "PDF and PNG are drawn by Chromium, and none is on the PATH: install chromium or google-chrome, or write .html",
                code="browser_missing",
            )
        return cls(program)

    def pdf(self, page: str) -> bytes:
        """The page as an A4 PDF.

        Raises:
            OutputError: the browser failed or took too long (`browser_failed`).
        """
        return self._drawn(page, "page.pdf", ["--no-pdf-header-footer"], "--print-to-pdf")

    def png(self, page: str, *, size: tuple[int, int] = SLIDE) -> bytes:
        """The top of the page as a picture of a given size in pixels.

        Raises:
            OutputError: the browser failed or took too long (`browser_failed`).
        """
        return self._drawn(page, "page.png", [f"--window-size={size[0]},{size[1]}"], "--screenshot")

    def _drawn(self, page: str, name: str, options: list[str], action: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="voc-", ignore_cleanup_errors=True) as folder:
            source, target = Path(folder) / "page.html", Path(folder) / name
            source.write_bytes(page.encode("utf-8", "replace"))
            arguments = [*self._arguments(Path(folder)), *options, f"{action}={target}", source.as_uri()]
            self._run(arguments, folder)
            if not target.is_file() or not target.stat().st_size:
                raise OutputError("the browser made no file; try a newer Chromium, or write .html", code="browser_failed")
            return target.read_bytes()

    def _arguments(self, folder: Path) -> Iterator[str]:
        """As root, for example in a container, Chromium cannot use its sandbox and needs a flag to start."""
        yield from (self.program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}")
        if os.geteuid() == 0:
            yield "--no-sandbox"

    def _run(self, arguments: list[str], folder: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH", "FONTCONFIG_PATH")}
        environment["HOME"] = folder
        nothing = subprocess.DEVNULL
        try:
            running = subprocess.Popen(  # noqa: S603 - a fixed program, our own page, no shell
                arguments, env=environment, start_new_session=True, stdin=nothing, stdout=nothing, stderr=nothing
            )
        except OSError as error:
            raise OutputError(f"the browser cannot be started ({error.strerror})", code="browser_failed") from None
        try:
            status = running.wait(timeout=self.seconds)
        except subprocess.TimeoutExpired:
            raise OutputError(f"the browser took longer than {self.seconds:.0f} s", code="browser_failed") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        if status:
            raise OutputError(f"the browser stopped with status {status}", code="browser_failed")

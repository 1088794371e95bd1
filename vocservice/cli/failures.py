"""A command to run in, its exit code out: errors become one line `error [code]: message`, never a traceback or a text."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from vocservice.errors import OutputError, VocError
from vocservice.tables.formats import shown_name

OK, FAULT, UNUSABLE, SOME_REJECTED, INTERRUPTED = 0, 1, 2, 3, 130
DEBUG = "VOC_DEBUG"


class ReaderGoneError(Exception):
    """The reader of standard output closed the pipe (`| head`), which is no fault."""


def answered(command: Callable[[], Any]) -> int:
    """Run a command that returns its exit code, or None for 0."""
    try:
        return command() or OK
    except VocError as error:
        tell(error.code, error.message)
        _drop_unwritten()
        return UNUSABLE
    except click.ClickException as error:
        _tell_usage(error)
        return UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ReaderGoneError:
        _close_output()
        return OK
    except OSError as error:
        return _full(error) if error.errno == errno.ENOSPC else _unexpected(error)
    except Exception as error:
        return _unexpected(error)


def tell(code: str, message: str) -> None:
    """Print one error to standard error."""
    click.echo(f"error [{code}]: {' '.join(message.split())}", err=True)


def _tell_usage(error: click.ClickException) -> None:
    """Print the usage, then the error; a group without a command prints its help."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()
        return
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
    tell("usage_invalid", error.format_message())


def _unexpected(error: Exception) -> int:
    """Print only the type and place of the error: its message could contain customer text."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    tell("internal_error", f"{type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno}; {DEBUG}=1 shows more")
    return FAULT


def _full(error: OSError) -> int:
    """Print that a disk is full: that of standard output, if no file is named."""
    tell(OutputError.code, f"{shown_name(error.filename or 'standard output')}: cannot be written ({os.strerror(errno.ENOSPC)})")
    _drop_unwritten()
    return UNUSABLE


def _drop_unwritten() -> None:
    """Unflushed output would be flushed again when Python exits, which would then use its own exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _close_output()


def _close_output() -> None:
    """Redirect Python's flush at exit to nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

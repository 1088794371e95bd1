"""Arguments in, an exit code out: the commands of `voc`, one module each, imported when they are called.

0 done, 1 `doctor` found a fault or something unexpected happened, 2 an unusable input, output, configuration or option,
3 some records were rejected, 130 interrupted.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from vocservice.cli.failures import ReaderGoneError, answered

COMMANDS: Mapping[str, str] = {
    "classify": "vocservice.cli.classify",
    "report": "vocservice.cli.report",
    "explain": "vocservice.cli.explain",
    "taxonomy": "vocservice.cli.taxonomy",
    "serve": "vocservice.cli.serve",
    "worker": "vocservice.cli.worker",
    "promote": "vocservice.cli.promote",
    "rollback": "vocservice.cli.promote",
    "endpoint": "vocservice.cli.endpoint",
    "workspace": "vocservice.cli.workspaces",
    "source": "vocservice.cli.sources",
    "key": "vocservice.cli.keys",
    "webhook": "vocservice.cli.webhook",
    "init": "vocservice.cli.init",
    "db": "vocservice.cli.db",
    "backup": "vocservice.cli.db",
    "restore": "vocservice.cli.db",
    "retention": "vocservice.cli.erasing",
    "erase": "vocservice.cli.erasing",
    "export-subject": "vocservice.cli.erasing",
    "audit": "vocservice.cli.audit",
    "dead-letter": "vocservice.cli.deadletters",
    "user": "vocservice.cli.users",
    "export-annotations": "vocservice.cli.export_annotations",
    "doctor": "vocservice.cli.doctor",
    "train": "vocservice.cli.training",
    "evaluate": "vocservice.cli.training",
    "version": "vocservice.cli.version",
}


class Commands(click.Group):
    """The registry as a click group; a command's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Before click itself answers a closed pipe, with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise ReaderGoneError from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def voc() -> None:
    """Voice of the customer: journey stage, experience factor, sentiment, service against experience, with evidence."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an expected error is one line on standard error."""
    return answered(lambda: voc.main(arguments, prog_name="voc", standalone_mode=False))


def main() -> None:
    """The entry point `voc`."""
    sys.exit(run())

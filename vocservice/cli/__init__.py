"""Arguments in, an exit code out: the commands of `voc`, one module each, imported only when called.

0 success, 1 `doctor` found a fault or an unexpected error, 2 an unusable input, output, configuration or option,
3 some records were rejected, 130 interrupted.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.exceptions import NoSuchCommand

from vocservice.cli.failures import ReaderGoneError, answered


class Entry(NamedTuple):
    """Module of a command, and its line in `voc --help`."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "classify": Entry("vocservice.cli.classify", "Label every record of files or a stream."),
    "report": Entry("vocservice.cli.report", "Make an analyst's report of labelled or raw records."),
    "explain": Entry("vocservice.cli.explain", "Show the evidence of each label of a text."),
    "taxonomy": Entry("vocservice.cli.taxonomy", "Show the labels, or check a taxonomy file."),
    "serve": Entry("vocservice.cli.serve", "Serve the API and the pages."),
    "worker": Entry("vocservice.cli.worker", "Process the queue of the store."),
    "promote": Entry("vocservice.cli.promote", "Put a bundle into service."),
    "rollback": Entry("vocservice.cli.promote", "Put the previous bundle back into service."),
    "rules": Entry("vocservice.cli.rules", "Manage review rules."),
    "endpoint": Entry("vocservice.cli.endpoint", "Manage endpoints that receive events."),
    "workspace": Entry("vocservice.cli.workspaces", "Manage workspaces."),
    "field": Entry("vocservice.cli.fields", "Show and hide custom fields of the records."),
    "source": Entry("vocservice.cli.sources", "Manage sources of feedback and see their health."),
    "key": Entry("vocservice.cli.keys", "Manage API keys."),
    "webhook": Entry("vocservice.cli.webhook", "Send or check sample deliveries of a sender."),
    "init": Entry("vocservice.cli.init", "Create the store: an encryption key, the tables, a workspace."),
    "db": Entry("vocservice.cli.db", "Show or migrate the schema of the store."),
    "backup": Entry("vocservice.cli.db", "Back up the store to a file."),
    "restore": Entry("vocservice.cli.db", "Restore a backup into the database."),
    "retention": Entry("vocservice.cli.erasing", "Erase what exceeds its retention period."),
    "erase": Entry("vocservice.cli.erasing", "Erase everything about a customer, or one record."),
    "export-subject": Entry("vocservice.cli.erasing", "Export everything stored about a customer."),
    "audit": Entry("vocservice.cli.audit", "Verify the audit log."),
    "dead-letter": Entry("vocservice.cli.deadletters", "List, retry or discard what failed for good."),
    "user": Entry("vocservice.cli.users", "Manage the people who may sign in."),
    "export": Entry("vocservice.cli.export", "Export the analysed records for other tools."),
    "export-annotations": Entry("vocservice.cli.export_annotations", "Export the decisions of the review desk."),
    "import-annotations": Entry("vocservice.cli.import_annotations", "Import decisions changed in another tool."),
    "doctor": Entry("vocservice.cli.doctor", "Check this installation."),
    "train": Entry("vocservice.cli.training", "Train a model (python -m training train)."),
    "evaluate": Entry("vocservice.cli.training", "Evaluate a model (python -m training evaluate)."),
    "version": Entry("vocservice.cli.version", "Show the versions of program, model and taxonomy."),
}


class Commands(click.Group):
    """The registry as a click group; modules are imported on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name].module), cmd_name.replace("-", "_"))
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """click suggests similar commands from those it holds, and it holds none of ours."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Listed from the registry, without importing the modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Handle a closed pipe before click does, which would exit with 1."""
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
    """The entry point `voc`; a closed standard error is replaced, so that no file takes its place."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    sys.exit(run())

"""Arguments in, an exit code out: the commands of `voc`, one module each, imported when they are called, not when they are listed.

0 done, 1 `doctor` found a fault or something unexpected happened, 2 an unusable input, output, configuration or option,
3 some records were rejected, 130 interrupted.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.exceptions import NoSuchCommand

from vocservice.cli.failures import ReaderGoneError, answered


class Entry(NamedTuple):
    """Where a command stands, and what `voc --help` says of it."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "classify": Entry("vocservice.cli.classify", "Label every record of files or a stream."),
    "report": Entry("vocservice.cli.report", "Make an analyst's report of labelled or raw records."),
    "explain": Entry("vocservice.cli.explain", "Show the evidence of each label of a text."),
    "taxonomy": Entry("vocservice.cli.taxonomy", "Show the labels, or check a taxonomy file."),
    "serve": Entry("vocservice.cli.serve", "Serve the API and the pages."),
    "worker": Entry("vocservice.cli.worker", "Do what is queued in the store."),
    "promote": Entry("vocservice.cli.promote", "Let a bundle serve from now on."),
    "rollback": Entry("vocservice.cli.promote", "Let the bundle before serve again."),
    "rules": Entry("vocservice.cli.rules", "Rules: what people look at beside the model."),
    "endpoint": Entry("vocservice.cli.endpoint", "Where events are sent."),
    "workspace": Entry("vocservice.cli.workspaces", "Workspaces: what belongs together."),
    "field": Entry("vocservice.cli.fields", "Show and hide custom fields of the records."),
    "source": Entry("vocservice.cli.sources", "Sources: whose deliveries come in, and how they fare."),
    "key": Entry("vocservice.cli.keys", "API keys: who may use the HTTP API, and for what."),
    "webhook": Entry("vocservice.cli.webhook", "Deliveries as senders would send them."),
    "init": Entry("vocservice.cli.init", "Make the store: a key, the tables, a workspace."),
    "db": Entry("vocservice.cli.db", "The tables of the store."),
    "backup": Entry("vocservice.cli.db", "Write all of the store to a file."),
    "restore": Entry("vocservice.cli.db", "Put a backup into the database."),
    "retention": Entry("vocservice.cli.erasing", "Erase what is older than its time."),
    "erase": Entry("vocservice.cli.erasing", "Erase everything of a customer."),
    "export-subject": Entry("vocservice.cli.erasing", "Write all that is kept of a customer."),
    "audit": Entry("vocservice.cli.audit", "The log of who did what."),
    "dead-letter": Entry("vocservice.cli.deadletters", "What failed: look, retry, discard."),
    "user": Entry("vocservice.cli.users", "People who may sign in, and what they may do."),
    "export": Entry("vocservice.cli.export", "Write the analysed records for other tools."),
    "export-annotations": Entry("vocservice.cli.export_annotations", "Write the decisions of the desk."),
    "import-annotations": Entry("vocservice.cli.import_annotations", "Store decisions that another tool changed."),
    "doctor": Entry("vocservice.cli.doctor", "Check this installation."),
    "train": Entry("vocservice.cli.training", "Train a model (python -m training train)."),
    "evaluate": Entry("vocservice.cli.training", "Evaluate a model (python -m training evaluate)."),
    "version": Entry("vocservice.cli.version", "Show the versions of program, model and taxonomy."),
}


class Commands(click.Group):
    """The registry as a click group; a command's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name].module), cmd_name.replace("-", "_"))
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """click suggests the nearest of the commands it holds, and it holds none of ours."""
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:
            raise NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the registry: the modules of all commands are not imported to be listed."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

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

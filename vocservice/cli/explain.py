"""One text in, its labels with coloured evidence, probability, polarity and owner out: `voc explain TEXT`."""

import json
import sys

import click
from rich.text import Text

from vocservice.api import Analyser
from vocservice.cli.failures import OK, SOME_REJECTED, tell
from vocservice.cli.screen import Screen
from vocservice.cli.session import analyser_for, configured
from vocservice.records import Analysis, Rejected, Result
from vocservice.render import analysis_text, labels_table, sentiment_line, visible


@click.command()
@click.argument("words", metavar="TEXT", nargs=-1, required=True)
@click.option("--question", help="The survey question that the text answers.")
@click.option("--channel", help="Where the text comes from: email, chat, survey, review ...")
@click.option("--bundle", help="Version under models/, or path, of the model; set in the configuration by default.")
@click.option("--json", "as_json", is_flag=True, help="Print the analysis as JSON.")
def explain(words: tuple[str, ...], question: str | None, channel: str | None, bundle: str | None, as_json: bool) -> int:
    """Show the evidence of each label of a text.

    TEXT is the text itself, with or without quotes; - reads it from standard input.

    Exit codes: 0 success, 2 unusable configuration, 3 the text was rejected.
    """
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if words == ("-",) else " ".join(words)
    analyser = analyser_for(configured(), bundle=bundle)
    result: Result = analyser.analyse({"id": "text", "text": text, "question": question, "channel": channel})
    if as_json:
        click.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    elif isinstance(result, Analysis):
        _print(result, analyser)
    if isinstance(result, Rejected):
        tell(result.code, result.message)
        return SOME_REJECTED
    return OK


def _print(analysis: Analysis, analyser: Analyser) -> None:
    console = Screen()
    console.print(analysis_text(analysis))
    console.print(labels_table(analysis, analyser.taxonomy))
    console.print(Text("\n".join(visible(line) for line in _facts(analysis)), style="dim"))


def _facts(analysis: Analysis) -> list[str]:
    """The lines below the table."""
    withheld = ", ".join(f"{one.label} {one.probability:.0%}" for one in analysis.abstained)
    facts = {
        "sentiment": sentiment_line(analysis.sentiment) if analysis.sentiment else "",
        "scope decided by": analysis.scope.because if analysis.scope else "",
        "withheld": withheld,
        "masked": ", ".join(redaction.kind for redaction in analysis.redactions),
        "warnings": ", ".join(analysis.warnings),
        "language": analysis.language,
        "model": f"{analysis.model}, taxonomy {analysis.taxonomy}",
    }
    return [f"{name}: {value}" for name, value in facts.items() if value]

"""Rules in, their listings and test results out: `voc rules list`, `add`, `test`, `enable` and `disable`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vocservice.cli.holding import ACTOR, held, in_workspace, opened
from vocservice.cli.listing import print_all
from vocservice.settings import Settings

if TYPE_CHECKING:
    from vocservice.rules.syntax import Node
    from vocservice.store.review.rule_trials import Judged, Trial
    from vocservice.taxonomy import Taxonomy

MOST = 50_000


@click.group()
def rules() -> None:
    """Manage the review rules of a workspace (docs/rules.md)."""


@rules.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@in_workspace
def list_rules(as_json: bool, workspace: str | None) -> None:
    """List the rules by name."""
    from vocservice.store.review import rules as kept

    with held(workspace) as here:
        found = kept.listed(here.connection, here.workspace_id)
    lines = (f"{one.id}  {one.name} (version {one.version}, {'on' if one.is_enabled else 'off'}): {one.expression}" for one in found)
    print_all("rules", (one.to_dict() for one in found), lines, as_json=as_json)


@rules.command()
@click.argument("expression")
@click.option("--name", required=True, help="Name shown on the desk.")
@click.option("--owner", required=True, help="Who is responsible for it.")
@click.option("--reason", required=True, help="What readers are told.")
@click.option(
    "--effect",
    type=click.Choice(["review", "route"]),
    default="review",
    show_default=True,
    help="Bring records to the desk, or only tag and assign.",
)
@click.option("--urgency", type=click.IntRange(0, 100), default=20, show_default=True, help="Points in the queue.")
@click.option("--tag", default="", help="Tag to put on the record.")
@click.option("--assignee", default="", help="E-mail address of the person who gets the record.")
@click.option("--enable", "is_enabled", is_flag=True, help="Enable it at once; otherwise use `voc rules enable`.")
@in_workspace
def add(workspace: str | None, is_enabled: bool, **written: Any) -> None:
    """Store a rule, disabled by default: test it on the past first."""
    from vocservice.store.review import rules as kept
    from vocservice.store.review.rules import Draft

    with held(workspace) as here:
        taxonomy = _taxonomy(here.settings)
        made = kept.create(here.connection, here.workspace_id, Draft(**written), taxonomy, is_enabled=is_enabled, actor=ACTOR)
    click.echo(f"{made.id}: {made.expression}")


@rules.command()
@click.argument("rule")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only records received on this day or later; all by default.")
@click.option("--limit", type=click.IntRange(1, MOST), default=2000, show_default=True, help="Newest records to test.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with ten examples.")
@in_workspace
def test(rule: str, since: Any, limit: int, as_json: bool, workspace: str | None) -> None:
    """Test a rule, or a stored rule by its id, on the past. Nothing is written."""
    from datetime import UTC

    from vocservice.store.review import rule_trials

    with opened(workspace) as here, here.database.read() as connection:
        node = _read(connection, here.workspace_id, rule, _taxonomy(here.settings))
        begin = since.replace(tzinfo=UTC) if since else None
        found = rule_trials.run(connection, here.workspace_id, node, since=begin, limit=limit)
    if as_json:
        click.echo(json.dumps({"expression": str(node), **found.to_dict()}))
    else:
        _print(str(node), found)


@rules.command()
@click.argument("rule_id")
@in_workspace
def enable(rule_id: str, workspace: str | None) -> None:
    """Enable a rule for what is analysed from now on."""
    _switch(rule_id, workspace, is_enabled=True)


@rules.command()
@click.argument("rule_id")
@in_workspace
def disable(rule_id: str, workspace: str | None) -> None:
    """Disable a rule; its earlier matches stay."""
    _switch(rule_id, workspace, is_enabled=False)


def _switch(rule_id: str, workspace: str | None, *, is_enabled: bool) -> None:
    from vocservice.store.review import rules as kept

    with held(workspace) as here:
        found = kept.get(here.connection, here.workspace_id, rule_id)
        kept.set_enabled(here.connection, found, is_enabled, actor=ACTOR)
    click.echo(f"{found.id}: {'on' if is_enabled else 'off'}")


def _read(connection: Any, workspace_id: str, rule: str, taxonomy: "Taxonomy") -> "Node":
    """Parse a rule, or load a stored one."""
    from vocservice.rules.names import read_rule
    from vocservice.store.review import rules as kept

    is_id = rule.startswith("rule_") and " " not in rule
    return read_rule(kept.get(connection, workspace_id, rule).expression if is_id else rule, taxonomy)


def _taxonomy(settings: Settings) -> "Taxonomy":
    """The taxonomy of the service."""
    from vocservice.taxonomy import load_taxonomy

    return load_taxonomy(Path(settings.taxonomy) if settings.taxonomy else None)


def _print(expression: str, found: "Trial") -> None:
    click.echo(expression)
    click.echo(f"holds for {found.hits} of {found.records} records{', the newest only' if found.is_cut else ''}")
    click.echo(f"both {found.both}, the rule alone {found.rule_only}, the model alone {found.model_only}")
    click.echo(f"to the desk: {found.before} without it, {found.after} with it")
    click.echo(f"rule: {_judged(found.rule)}; model: {_judged(found.model)}")
    for week in found.weeks:
        click.echo(f"week of {week.monday}: {week.hits} of {week.records}")


def _judged(found: "Judged") -> str:
    if found.precision is None or found.interval is None:
        return "nothing decided"
    low, high = found.interval
    return f"{found.confirmed} of {found.decided} worth reading ({found.precision:.0%}, {low:.0%} to {high:.0%})"

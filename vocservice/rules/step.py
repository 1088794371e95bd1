"""An analysis and its record in, the same with what the rules of the installation add or withhold out.

Every rule reads what the model gave, so their order is nothing; no label of the model's is ever another one.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from vocservice.records import Analysis, RawVerbatim, RuleHit, Withheld
from vocservice.rules.evaluate import Match, match
from vocservice.rules.facts import facts_of
from vocservice.rules.ruleset import Rule

_LISTS = ("stages", "factors", "flags")


def apply_rules(rules: Sequence[Rule], analysis: Analysis, record: RawVerbatim) -> Analysis:
    """The analysis with the rules that held, what they call for, and without the labels that they withhold."""
    if not rules:
        return analysis
    facts = facts_of(record, analysis.to_dict(), now=datetime.now(UTC))
    held = [(rule, found) for rule in rules if (found := match(rule.when, facts))]
    hits = tuple(_hit(rule, found) for rule, found in held if rule.effect != "abstain")
    made = _called(replace(analysis, rules=hits), hits)
    for rule, _ in held:
        if rule.labels:
            made = _withheld(made, rule)
    return made


def _hit(rule: Rule, found: Match) -> RuleHit:
    return RuleHit(rule.id, rule.effect, rule.reason, found.because, found.evidence, rule.queue)


def _called(analysis: Analysis, hits: Sequence[RuleHit]) -> Analysis:
    """A transcript that a rule calls for needs review; the model's probability stays beside it."""
    caller = next((hit for hit in hits if hit.effect == "review"), None)
    if caller is None or analysis.conversation is None or analysis.conversation.needs_review:
        return analysis
    called = replace(analysis.conversation, needs_review=True, review_because=f"rule:{caller.id}")
    return replace(analysis, conversation=called)


def _withheld(analysis: Analysis, rule: Rule) -> Analysis:
    """Without the labels of a rule; those that were given are told as withheld by it."""
    scope = analysis.scope
    given = {f"{name}.{label.key}": label.probability for name in _LISTS for label in getattr(analysis, name)}
    if scope is not None:
        given[f"scope.{scope.key}"] = scope.probability
    moved = tuple(Withheld(label, given[label], f"rule:{rule.id}") for label in rule.labels if label in given)
    kept: dict[str, Any] = {
        name: tuple(one for one in getattr(analysis, name) if f"{name}.{one.key}" not in rule.labels) for name in _LISTS
    }
    scope = None if scope is not None and f"scope.{scope.key}" in rule.labels else scope
    return replace(analysis, **kept, scope=scope, abstained=(*analysis.abstained, *moved))

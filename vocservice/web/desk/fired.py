"""An analysis and its matching rules in, what the desk shows of each out: owner, reason, tests and the words behind them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vocservice.records import Evidence, Json
from vocservice.render import visible
from vocservice.store.review.rule_hits import Hit


@dataclass(frozen=True, slots=True)
class Fired:
    """A matching rule; `turns` are the numbers of those with evidence, `place` says where the rule is kept."""

    name: str
    rule_id: str
    owner: str
    reason: str
    because: str
    place: str
    turns: tuple[int, ...]
    evidence: tuple[str, ...]


def fired(result: Json, hits: Iterable[Hit], owners: Mapping[str, str]) -> tuple[Fired, ...]:
    """The rules of the workspace, then those of the installation; `owners` maps the id of an installation's rule to its owner."""
    return (*(_kept(hit) for hit in hits), *_configured(result.get("rules") or (), owners))


def _kept(hit: Hit) -> Fired:
    place = f"version {hit.version}{'' if hit.is_enabled else ', switched off since'}"
    return Fired(hit.name, hit.rule_id, hit.owner, hit.reason, hit.because, place, _turns(hit.evidence), _words(hit.evidence))


def _configured(rules: Iterable[Json], owners: Mapping[str, str]) -> Iterator[Fired]:
    for rule in rules:
        evidence = tuple(Evidence(**piece) for piece in rule["evidence"])
        place = f"config/rules.toml{'' if rule['id'] in owners else ', since removed'}"
        said = (owners.get(rule["id"], ""), rule["reason"], rule["because"])
        yield Fired(rule["id"], "", *said, place, _turns(evidence), _words(evidence))


def _turns(evidence: Iterable[Evidence]) -> tuple[int, ...]:
    return tuple(sorted({piece.turn + 1 for piece in evidence if piece.turn is not None}))


def _words(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(visible(piece.text) for piece in evidence)

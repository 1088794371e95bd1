"""The desk in a real browser, by keys alone: twenty transcripts beside a second reader, exported, and a bundle trained on that file."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from builders import conversation, piece
from selenium.webdriver.common.keys import Keys
from sqlalchemy import select
from web.visiting import Office

import vocservice
from e2e.sitting import Desk, needs_browser
from vocservice.inference.bundle import default_bundle, load_bundle
from vocservice.paths import config_path
from vocservice.records import Analysis, Factor, Label, Scope
from vocservice.store import schema
from vocservice.store.database import now
from vocservice.store.review import claims
from vocservice.store.review.annotations import given_labels

pytestmark = needs_browser

PROBLEMS = {
    "technology": "Your app crashed again while I was paying.",
    "fulfilment": "The lamp was left in the rain and came broken.",
    "responsiveness": "I have written four times and nobody answers.",
    "process": "I was asked to fill in the same form three times.",
    "courtesy": "Your colleague laughed at me and hung up.",
}
DEMANDS = {
    "churn_risk": "If this is not put right I will cancel.",
    "repeat_contact": "This is the third time I call about it.",
    "escalation": "Let me speak to your manager.",
    "unresolved_anger": "I am furious, and nothing is solved.",
}
CASES = tuple(product(PROBLEMS.items(), DEMANDS.items()))


def flagged(office: Office, number: int) -> str:
    """A transcript on the desk, as a model labels it; by the ids two of twenty are kept out of training, to be measured on."""
    (factor, problem), (reason, demand) = CASES[number]
    opening = f"{problem} {demand}"
    said = conversation(("customer", opening), ("agent", "I am sorry. I will look into it."), ("customer", "Then do, I am waiting."))
    blamed, asked = (piece(opening, problem, 0),), (piece(opening, demand, 0),)
    return office.record(
        record_id=f"rec_walk_{number + 1:02d}",
        text=opening,
        stages=(Label("cultivation", 0.8, asked),),
        factors=(Factor(factor, "-", 0.8, blamed),),
        scope=Scope("service_complaint", 0.8, "head:scope", blamed),
        flags=(),
        conversation=replace(said, reasons=(Label(reason, 0.8, asked),)),
    )


def standing(office: Office, record: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The decisions on a record that nobody took back, and the labels of each."""
    table = schema.annotations
    chosen = select(table.c.decision, table.c.labels).where(table.c.record_id == record, table.c.undone_at.is_(None))
    with office.database.read() as connection:
        return [(row.decision, row.labels) for row in connection.execute(chosen.order_by(table.c.created_at))]


def given(office: Office, record: str) -> Mapping[str, Any]:
    """The labels of the model."""
    with office.database.read() as connection:
        table = schema.analyses
        return given_labels(connection.execute(select(table.c.result).where(table.c.record_id == record)).scalar_one())


def at(desk: Desk) -> str:
    """The record that somebody looks at."""
    return desk.driver.current_url.partition("?")[0].rpartition("/")[2]


def note(desk: Desk, words: str) -> None:
    desk.type("e")
    desk.type(words)
    desk.until(lambda: "Draft saved." in desk.words)
    desk.type(Keys.ESCAPE)


def correct(desk: Desk) -> None:
    """A label of every kind."""
    desk.type("2")  # the second reason; opens the labels
    for box in ("stages.purchase", "flags.escalation"):
        desk.reach(f'[id="{box}"]')
        desk.type(Keys.SPACE)
    for choice, keys in (("factors.price_value", "neg"), ("sentiment", Keys.ARROW_UP), ("scope", "Bo"), ("outcome", "Unr")):
        desk.reach(f'[id="{choice}"]')
        desk.type(keys)
    desk.type(Keys.ESCAPE)


def trained(decisions: Path, folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A bundle that goes on from the shipped one, over the file once."""
    from training.__main__ import main
    from training.settings import load_training_settings

    settings = load_training_settings()
    once = settings.further.model_copy(update={"recipe": replace(settings.further.recipe, epochs=1)})
    patch.setattr("training.__main__.load_training_settings", lambda: settings.model_copy(update={"further": once}))
    given = ["--taxonomy", str(config_path("taxonomy.toml")), "--data", str(decisions), "--start", str(default_bundle())]
    assert main(["--threads", "1", "train", *given, "--version", "mine-2", "--models", str(folder), "--runs", str(folder / "runs")]) == 0
    return folder / "mine-2"


def test_a_lead_works_through_twenty_transcripts_by_keys_and_what_was_decided_trains_a_bundle(
    office: Office, desks: list[Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [flagged(office, number) for number in range(len(CASES))]
    lead, second = desks
    lead.sign_in(office.user(name="Ada").email)
    second.sign_in(office.user(name="Grace").email)
    assert "20 waiting, 0 decided" in lead.words

    lead.press("n")
    corrected = at(lead)
    note(lead, "late refund")
    lead.driver.refresh()
    assert "Your draft of" in lead.words and lead.driver.find_element("id", "note").get_attribute("value") == "late refund"
    correct(lead)
    lead.press("c")
    ((decision, labels),) = standing(office, corrected)
    model = given(office, corrected)
    assert decision == "correct" and {name for name in model if labels[name] != model[name]} == {
        *("reasons", "stages", "flags", "factors", "sentiment", "scope", "outcome")
    }
    assert [labels[name] for name in ("sentiment", "scope", "outcome", "flags")] == [-2, "both", "unresolved", ["escalation"]]
    assert {"key": "price_value", "polarity": "-"} in labels["factors"]

    skipped = at(lead)
    lead.press("s")
    contested = at(lead)
    assert len({corrected, skipped, contested}) == 3
    second.open(f"/desk/{contested}")
    assert "Ada has this open" in second.words and not second.driver.find_elements("name", "decision")
    note(lead, "still open")
    second.press("t")
    second.press("x")
    lead.press("a")
    assert "Current decision: not a problem by Grace" in lead.words and at(lead) == contested
    assert [decision for decision, _ in standing(office, contested)] == ["dismiss"]  # nothing was overwritten
    lead.type("e")
    lead.type(" as I see it", Keys.ESCAPE)  # behind what was written, which is still there
    lead.press("a")
    assert [decision for decision, _ in standing(office, contested)] == ["dismiss", "confirm"]

    mistaken = at(lead)
    lead.press("a")
    assert [decision for decision, _ in standing(office, mistaken)] == ["confirm"]
    lead.press("u")
    assert at(lead) == mistaken and standing(office, mistaken) == []
    for number in range(16):
        lead.press("a" if number % 2 else "x")
    assert [decision for decision, _ in standing(office, mistaken)] == ["dismiss"]

    lead.press("/")
    lead.type(Keys.ESCAPE)
    lead.follow(f"/desk/{at(second)}")  # which they have open since they decided
    lead.until(lambda: at(lead) == at(second))
    lead.press("t")
    lead.press("/")
    lead.type(Keys.ESCAPE)  # out of the filters, which the key leads to
    assert "2 waiting, 18 decided" in lead.words and skipped in lead.driver.page_source
    choose_all_and_confirm(lead)
    lead.press("u")
    lead.until(lambda: "Confirmed: undone." in lead.words and "2 waiting, 18 decided" in lead.words)
    choose_all_and_confirm(lead)
    assert "0 waiting, 20 decided" in lead.words

    lead.follow("/desk/decisions")
    lead.until(lambda: "Export and import decisions" in lead.driver.title)
    lead.follow("/desk/decisions.jsonl")
    exported = lead.downloads / "decisions.jsonl"
    lead.until(exported.is_file)
    lines = {line["id"]: line for line in map(json.loads, exported.read_text(encoding="utf-8").splitlines())}
    assert sorted(lines) == records and len({line["annotator"] for line in lines.values()}) == 1  # the last one on each is the lead's
    assert lines[corrected]["outcome"] == "unresolved" and lines[corrected]["decision"] == "correct"

    if find_spec("torch") is None:
        pytest.skip("the walk passed; what training needs is not installed (make setup-train)")
    folder = trained(exported, tmp_path / "models", monkeypatch)
    bundle, begun = load_bundle(folder), load_bundle(default_bundle())
    assert len(bundle.manifest.data) == 1 and bundle.manifest.recipe["start"] == begun.id
    assert bundle.manifest.files["encoder.onnx"] != begun.manifest.files["encoder.onnx"]
    results = vocservice.load(folder).analyse([{"id": line["id"], "turns": line["turns"]} for line in lines.values()])
    assert all(isinstance(result, Analysis) and result.conversation and result.model == "mine-2" for result in results)
    assert [result.id for result in results] == records


def test_without_scripts_a_lead_reads_filters_corrects_undoes_and_goes_on(office: Office, desk: Desk) -> None:
    records = [flagged(office, number) for number in range(3)]
    desk.without_scripts()
    desk.sign_in(office.user(name="Ada").email)
    assert "3 waiting, 0 decided" in desk.words and not shown_keys(desk)

    def click(selector: str) -> None:
        desk.driver.find_element("css selector", selector).send_keys(Keys.ENTER)

    click('a[href^="/desk/next"]')
    first = at(desk)
    desk.until(lambda: "Why it is here" in desk.words)
    assert first in records and not shown_keys(desk)
    click('summary[data-key="o"]')
    desk.driver.find_element("css selector", '[id="stages.purchase"]').send_keys(Keys.SPACE)
    desk.driver.find_element("css selector", "#note").send_keys("late refund")
    click('[name="decision"][value="correct"]')
    desk.until(lambda: at(desk) != first)
    ((decision, labels),) = standing(office, first)
    assert decision == "correct" and "purchase" in labels["stages"]
    click(f'form[action^="/desk/{first}/undo"] button')
    desk.until(lambda: standing(office, first) == [])
    desk.open(f"/desk/{first}")
    click('[name="decision"][value="dismiss"]')
    desk.until(lambda: [decision for decision, _ in standing(office, first)] == ["dismiss"])
    desk.open("/desk")
    assert "2 waiting, 1 decided" in desk.words and not shown_keys(desk)


def shown_keys(desk: Desk) -> list[str]:
    """The keys that a page says one may press."""
    return [key.text for key in desk.driver.find_elements("tag name", "kbd") if key.is_displayed()]


def test_a_page_that_is_seen_keeps_its_record_and_is_told_who_took_it_over(
    office: Office, desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "RENEWED_EVERY", timedelta(seconds=0.5))
    record, (lead, second) = flagged(office, 0), desks
    lead.sign_in(office.user(name="Ada").email)
    second.sign_in(office.user(name="Grace").email)
    lead.open(f"/desk/{record}")
    with office.database.write() as connection:
        soon = now(connection) + timedelta(seconds=60)
        connection.execute(schema.claims.update().values(lease_until=soon))
    lead.until(lambda: held_until(office) > soon)
    note(lead, "mine")
    second.open(f"/desk/{record}")
    second.press("t")
    lead.until(lambda: "Grace has this open now." in lead.words)
    lead.press("a")
    assert "your choices are saved as a draft" in lead.words and "Your note: mine" in lead.words and standing(office, record) == []
    lead.press("t")
    assert lead.driver.find_element("id", "note").get_attribute("value") == "mine"
    lead.press("a")
    assert [decision for decision, _ in standing(office, record)] == ["confirm"]


def held_until(office: Office) -> Any:
    with office.database.read() as connection:
        return connection.execute(select(schema.claims.c.lease_until)).scalar_one()


def choose_all_and_confirm(desk: Desk) -> None:
    for key in "jvjvb":  # two lines chosen, then what to do with them
        desk.type(key)
    desk.type("Conf", Keys.TAB, Keys.TAB, Keys.ENTER)
    desk.until(lambda: "Confirmed: 2 records." in desk.words)

"""Tests of the gist: the sentences say what is clear, with n, and point at their proof; what is not clear is not said."""

import re
from datetime import timedelta

import pytest

from vocservice.reporting.gist import gist
from vocservice.reporting.page import render
from vocservice.reporting.report import Report
from vocservice.reporting.rows import Score

from .made import MONDAY, report, row, rows, varied


def said(found: Report) -> dict[str, str]:
    return {one.topic: one.said for one in gist(found)}


def test_what_most_records_blame_and_praise_is_named_with_its_figures() -> None:
    found = said(
        report(
            rows(12, "use", "technology-"),
            rows(30, "purchase", "fulfilment-", start=100),
            rows(2, "purchase", "fulfilment+", start=200),
            rows(15, "use", "courtesy+", start=300),
        )
    )
    assert found["Blamed most"].startswith("Fulfilment at Purchase: 30 blame it, 2 praise it, net sentiment −0.")
    assert found["Blamed most"].endswith("n = 32")
    assert found["Praised most"].startswith("Courtesy at Use: 15 praise it, 0 blame it")


def test_who_can_act_is_said_by_scope_and_by_owner() -> None:
    complaints = rows(10, "cultivation", "responsiveness-", scope="service_complaint")
    found = said(report(complaints, rows(30, "use", "technology-", start=100, scope="experience_issue")))
    assert (
        found["Service or experience"].startswith("support alone can settle 25 % (")
        and "must act on 75 % (" in found["Service or experience"]
    )
    assert "75 % (" in found["Who can do most"] and found["Who can do most"].endswith("n = 40")


def test_complaints_that_many_share_are_told_with_their_customers() -> None:
    shared = rows(20, "cultivation", "responsiveness-", scope="service_complaint")
    others = [one for number, factor in enumerate(("technology-", "fulfilment-", "courtesy-", "ease-", "process-"), 1)
              for one in rows(2, "use", factor, start=100 * number, scope="service_complaint")]  # fmt: skip
    found = said(report(shared, others))
    assert found["No longer single complaints"] == "Responsiveness at Cultivation: 20 service complaints of 20 customers"
    assert "No longer single complaints" not in said(report(others))


def test_what_pulls_the_score_down_is_said_in_its_unit_and_nothing_that_lifts_it() -> None:
    found = report(varied(600))
    moving = [one for one in gist(found) if one.topic == "Pulls the score down"]
    assert moving[0].said.startswith("Fulfilment, negative: without it ") and "higher" in moving[0].said
    assert re.search(r"\(n = \d+\)$", moving[0].said)
    assert not any("Courtesy" in one.said for one in moving)


def test_the_largest_change_is_told_with_a_caution_where_channels_differ() -> None:
    before = rows(60, "use", "courtesy+", at=MONDAY, channel="email")
    calm = rows(60, "use", "technology-", start=100, at=MONDAY + timedelta(days=30), channel="email")
    found = said(report(before, calm))
    assert found["Changed most"].startswith("Technology at Use. Blamed before: 0 %") and "channels" not in found["Changed most"]
    moved = rows(60, "use", "technology-", start=100, at=MONDAY + timedelta(days=30), channel="chat")
    assert said(report(before, moved))["Changed most"].endswith("; the channels differ between the two")


def test_a_score_that_moved_is_told_with_both_values_and_sentiment_only_where_no_score_moved() -> None:
    def made(after: float) -> dict[str, str]:
        scores = [(0, 5.0), (28, after)]
        found = [
            row(day + at, level=1 if value > 3 else -1, score=Score("stars", value, None), at=MONDAY + timedelta(days=day))
            for day, value in scores
            for at in range(25)
        ]
        return said(report(found))

    fallen, same = made(2.0), made(5.0)
    assert fallen["Score changed"].startswith("Mean stars (1 to 5) 5.00 (") and "down, −3.00 (" in fallen["Score changed"]
    assert "Sentiment changed" not in fallen and not {"Score changed", "Sentiment changed"} & same.keys()
    felt = said(report(rows(40, level=1, at=MONDAY), rows(40, start=100, level=-1, at=MONDAY + timedelta(days=28))))
    assert felt["Sentiment changed"].startswith("Net sentiment +1.00 (")


def test_little_is_not_made_much_of() -> None:
    nothing = report(rows(3, "use", "technology-"))
    assert gist(nothing) == () and "Nothing stands out clearly enough to be summed up." in render(nothing)
    assert gist(report()) == ()


def test_each_sentence_leads_to_a_section_of_the_page() -> None:
    found = report(varied(600), rows(20, "cultivation", "responsiveness-", start=9000, scope="service_complaint"))
    page = render(found)
    assert gist(found)
    for one in gist(found):
        assert f'<section id="{one.section}"' in page and f'<a href="#{one.section}">{one.topic}</a>' in page


@pytest.mark.parametrize(
    ("service", "experience", "is_said"), [(0, 5, False), (9, 21, True), (14, 16, False), (29, 0, False)],
    ids=["few", "apart", "about even", "one too few"],
)  # fmt: skip
def test_who_can_act_is_said_only_where_one_is_clearly_ahead(service: int, experience: int, is_said: bool) -> None:
    complaints = rows(service, "cultivation", "responsiveness-", scope="service_complaint")
    found = said(report(complaints, rows(experience, "use", "technology-", start=100, scope="experience_issue")))
    assert ("Service or experience" in found) is is_said and ("Who can do most" in found) is is_said

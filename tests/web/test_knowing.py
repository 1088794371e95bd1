"""Tests of filters of `/v1`: what is misspelt is told alike by every route, and a source goes by its id or its name."""

from pathlib import Path
from typing import Any

import pytest

from web.storing import ELSEWHERE
from web.visiting import Office

ROUTES = {
    "/v1/report": "",
    "/v1/charts/journey": "",
    "/v1/compare": "a_",
    "/v1/themes": "",
    "/v1/new-themes": "",
    "/v1/search?q=crashed": "",
    "/v1/feedback": "",
}
WRONG = ("stage=usage", "factor=technologie", "scope=complaint", "flag=churn", "source=Shop", "source=src_none")
OF_FIGURES = ("outcome=solved", "reason=angry", "owner=Digitial", "metric=npps")
CELLS = ("cell=use.technologie", "cell=usage.technology", "cell=use.group:nothing", "cell=usage.any")


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path, monkeypatch)
    made.record()
    return made


def asked(office: Office, route: str, wish: str) -> tuple[int, dict[str, Any]]:
    mark = "&" if "?" in route else "?"
    answer = office.door.client.get(f"{route}{mark}{ROUTES[route]}{wish}", headers=office.door.key("feedback:read"))
    return answer.status_code, answer.get_json()


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_misspelt_is_told_and_not_quoted(route: str, office: Office) -> None:
    for wish in WRONG + (OF_FIGURES if route != "/v1/feedback" else ()):
        status, told = asked(office, route, wish)
        name, _, value = wish.partition("=")
        assert (status, told.get("code")) == (400, "parameter_invalid"), wish
        assert told["detail"].startswith(f"{name} must be") and value not in told["detail"]


@pytest.mark.parametrize("route", ["/v1/themes", "/v1/search?q=crashed"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_that_is_not_there_is_told(route: str, cell: str, office: Office) -> None:
    assert asked(office, route, cell)[1].get("code") == "parameter_invalid"


@pytest.mark.parametrize(
    "wish", ["stage=none", "scope=any_service", "outcome=any", "outcome=none", "stage=use&factor=technology", "source=api"]
)
def test_what_the_filters_name_beside_labels_is_known(wish: str, office: Office) -> None:
    assert asked(office, "/v1/report", wish)[0] == 200


@pytest.mark.parametrize("cell", ["any.technology", "use.any", "none.technology", "use.group:digital", "use.technology.-"])
def test_a_cell_of_any_kind_is_known(cell: str, office: Office) -> None:
    assert asked(office, "/v1/themes", f"cell={cell}")[0] == 200


@pytest.mark.parametrize("wish", ["channel=fax", "own.plan=pro", "scale=1..7", "model=voc-0.1", "customer_of=rec_none"])
def test_words_of_the_sender_that_nobody_used_find_nothing(wish: str, office: Office) -> None:
    status, report = asked(office, "/v1/report", wish)
    assert (status, report["headlines"]["records"]) == (200, 0)


@pytest.mark.parametrize("route", ROUTES)
def test_a_source_goes_by_its_id_or_its_name(route: str, office: Office) -> None:
    source, _ = office.door.source("generic", name="Shop reviews", options={"id": "/id", "text": ["/text"]})
    found = [asked(office, route, f"source={named}") for named in (source.id, "Shop reviews")]
    assert [status for status, _ in found] == [200, 200]


def test_a_source_of_another_workspace_is_none(office: Office) -> None:
    source, _ = office.door.source("generic", name="Shop reviews", options={"id": "/id", "text": ["/text"]})
    foreign = office.door.key("feedback:read", workspace=ELSEWHERE)
    for named in (source.id, source.name):
        assert office.door.client.get(f"/v1/report?source={named}", headers=foreign).get_json()["code"] == "parameter_invalid"


def test_issues_have_no_filters_and_say_so(office: Office) -> None:
    answer = office.door.client.get("/v1/issues?stage=use", headers=office.door.key("feedback:read"))
    assert (answer.status_code, answer.get_json()["code"]) == (400, "parameter_invalid")


def test_a_page_shows_nothing_for_what_is_not_there(office: Office) -> None:
    """A link to a label of an earlier taxonomy stays a page."""
    assert office.browser("analyst").client.get("/workbench?stage=usage").status_code == 200

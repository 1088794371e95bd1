"""Every page there is, as a browser reaches it: the routes of the application in, paths out; those that need an id have an example."""

import io
import re
from collections.abc import Iterator, Mapping

from builders import conversation, piece
from web.visiting import Browser, Office

from vocservice.records import Label
from vocservice.store import schema

TABLE = b"ref,words\nr-1,The app crashed.\nr-2,Lovely staff.\n"
SECRET = "s3cret-of-the-tests-0123"
# Routes that answer GET with a file, not with a page.
FILES = re.compile(r"\.(html|xlsx|json|parquet|csv|jsonl)$|/(result|rejects)$|/oidc")
TALK = (
    ("customer", "Your app crashed again while I was paying, I want to cancel."),
    ("agent", "Sorry to hear that. May I have your order number?"),
    ("customer", "I gave it to your colleague yesterday. This is the third time!"),
    ("agent", "Thank you, I have refunded the order."),
    ("customer", "Great, that was quick, thanks."),
)


def furnished(office: Office, browser: Browser) -> Mapping[str, str]:
    """Fill an office; returns the id that each parameter of a route stands for."""
    flag = Label("churn_risk", 0.83, (piece(TALK[0][1], "I want to cancel", 0),))
    first = office.record(flags=(flag,), conversation=conversation(*TALK), subject="s1")
    office.record(subject="s1")
    office.record(text="The app crashed. Support was lovely and fixed it.")
    browser.send(f"/desk/{first}", f"/desk/{first}", {"decision": "correct", "note": "The refund came late.", "scope": "both"})
    browser.send("/admin/sources", "/admin/sources", {"name": "Shop", "adapter": "generic", "secret": SECRET})
    browser.send("/admin/keys", "/admin/keys", {"name": "loader", "scope": ["analyse"], "days": "30"})
    form = browser.page("/batches/new").form("/batches/new")
    batch = browser.post(form, {"file": (io.BytesIO(TABLE), "Q1.csv")}).headers["Location"].rpartition("/")[2]
    rule = {"name": "Angry", "owner": "Ada", "expression": "churn_risk > 0.6", "reason": "may leave", "effect": "review", "urgency": "10"}
    made = browser.send("/rules", "/rules", rule)
    assert made.status_code == 303, made.text
    return {
        "rule_id": made.headers["Location"].partition("?")[0].rpartition("/")[2],
        "record_id": first,
        "batch_id": batch,
        "source_id": str(office.door.rows(schema.sources)[0]["id"]),
    }


def paths(office: Office, ids: Mapping[str, str]) -> Iterator[str]:
    """The path of every page whose parameters all have an example."""
    for rule in office.app.url_map.iter_rules():
        is_page = rule.endpoint == "page.form" or hasattr(office.app.view_functions[rule.endpoint], "role")
        if is_page and "GET" in (rule.methods or ()) and not FILES.search(rule.rule) and set(rule.arguments) <= set(ids):
            yield re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids[found[1]], rule.rule)

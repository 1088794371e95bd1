"""Personal data is masked by kind, ordinary numbers and words stay, and every placeholder is accounted for."""

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from builders import saved
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vocservice.errors import ConfigError
from vocservice.text.detectors import names, payment, phones, references, span
from vocservice.text.redact import RedactionRules, detectors, redact
from vocservice.text.rules import KINDS, shipped_rules

CONFIG = Path(__file__).parents[2] / "config" / "redaction.toml"

MASKED = [
    # url
    ("see https://example.com/a?b=1.", "see [URL]."),
    ("(www.example.com/x)", "([URL])"),
    ("look at https://example.org/wiki/A_(b) now", "look at [URL] now"),
    ("bit.ly/3xYz and example.co.uk/shop?id=5", "[URL] and [URL]"),
    ("HTTP://EXAMPLE.COM", "[URL]"),
    ("already <url> masked", "already [URL] masked"),
    # email
    ("mail jane.doe+x@example.co.uk, please", "mail [EMAIL], please"),
    ("<jane@example.com>", "<[EMAIL]>"),
    ("jane at example dot com", "[EMAIL]"),
    ("jane dot doe at example dot co dot uk is mine", "[EMAIL] is mine"),
    ("jane (at) example.com", "[EMAIL]"),
    ("write to <email>", "write to [EMAIL]"),
    ("jürgen@bücher.de", "[EMAIL]"),
    # iban, card
    ("IBAN GB29 NWBK 6016 1331 9268 19 and more", "IBAN [IBAN] and more"),
    ("de89370400440532013000", "[IBAN]"),
    ("card 4111 1111 1111 1111 12/25", "card [CARD] 12/25"),
    ("4111-1111-1111-1111, cvv 123", "[CARD], cvv [CARD]"),
    ("3782 822463 10005", "[CARD]"),
    ("paid with 4000000000000002", "paid with [CARD]"),
    ("Card No.4111111111111111", "Card No.[CARD]"),
    ("Card No.4111 1111 1111 1111 was refused", "Card No.[CARD] was refused"),
    ("Visa,4111111111111111", "Visa,[CARD]"),
    ("4111111111111111,4242424242424242", "[CARD],[CARD]"),
    ("4111\u20131111\u20131111\u20131111 or 4242\u20114242\u20114242\u20114242", "[CARD] or [CARD]"),
    # order
    ("order 12345678 is late", "order [ORDER] is late"),
    ("Order #A-10293 never came", "Order #[ORDER] never came"),
    ("order number: 113-4567890-1234567", "order number: [ORDER]"),
    ("booking ref ABC123", "booking ref [ORDER]"),
    ("My confirmation code is k7xq2p!", "My confirmation code is [ORDER]!"),
    ("ticket no. 0012345678901", "ticket no. [ORDER]"),
    ("case CAS-12345-X9", "case [ORDER]"),
    ("your reference is 7788-991", "your reference is [ORDER]"),
    ("I have K7XQ2P as my booking", "I have [ORDER] as my booking"),
    ("12345678 is my order number", "[ORDER] is my order number"),
    ("order number 07700 900123", "order number [ORDER]"),
    ("parcel tracking number JD0002233445566", "parcel tracking number [ORDER]"),
    ("Order #AB1234 never came", "Order #[ORDER] never came"),
    ("order #A12345, ticket: #C98765", "order #[ORDER], ticket: #[ORDER]"),
    # account
    ("account 00998877", "account [ACCOUNT]"),
    ("acct no 12-34-56789", "acct no [ACCOUNT]"),
    ("policy number: PL/88/1234", "policy number: [ACCOUNT]"),
    ("membership #55512345", "membership #[ACCOUNT]"),
    ("a/c 12345678", "a/c [ACCOUNT]"),
    ("sort code 12-34-56", "sort code [ACCOUNT]"),
    ("Sort code: 12 34 56, account 12345678", "Sort code: [ACCOUNT], account [ACCOUNT]"),
    ("sort code 12-34-56 12345678", "sort code [ACCOUNT]"),
    # phone
    ("call 07700 900123 now", "call [PHONE] now"),
    ("+44 20 7946 0018", "[PHONE]"),
    ("(415) 555-2671 or 415.555.2672", "[PHONE] or [PHONE]"),
    ("555-123-4567", "[PHONE]"),
    ("Tel:0800 123 4567", "Tel:[PHONE]"),
    ("my number is 555-1234", "my number is [PHONE]"),
    ("+49 30 901820", "[PHONE]"),
    ("gate 2 07700 900123", "gate 2 [PHONE]"),
    ("5551234567 or 4155552671", "[PHONE] or [PHONE]"),
    ("1-800-555-0199 ext. 12 was busy", "[PHONE] was busy"),
    ("tel 07700 900123/07700 900124", "tel [PHONE]/[PHONE]"),
    ("Tel:07700 900123/07700 900124", "Tel:[PHONE]/[PHONE]"),
    ("07700900123,07700900124", "[PHONE],[PHONE]"),
    ("+44 20 7946 0018/+44 20 7946 0019", "[PHONE]/[PHONE]"),
    ("415-555-2671,415-555-2672/(415) 555-2673", "[PHONE],[PHONE]/[PHONE]"),
    # handle
    ("@SomeBrand you are late", "[HANDLE] you are late"),
    (".@some_brand, @115821 hi", ".[HANDLE], [HANDLE] hi"),
    ("hi @jane.doe! and @jane.m.doe22.", "hi [HANDLE]! and [HANDLE]."),
    ("hi @SomeBrand.If it rains, @brand.great flight", "hi [HANDLE].If it rains, [HANDLE].great flight"),
    # name
    ("Hello, my name is Jane Doe and I am cross", "Hello, my name is [NAME] and I am cross"),
    ("my name is jane", "my name is [NAME]"),
    ("Fix it.\nKind regards,\nJane van der Berg", "Fix it.\nKind regards,\n[NAME]"),
    ("Please help. Regards, Jane", "Please help. Regards, [NAME]"),
    ("Thanks,\nJane", "Thanks,\n[NAME]"),
    ("We are sorry. ^JH", "We are sorry. ^[NAME]"),
    ("Please send a DM. ^Jo https://example.com/x", "Please send a DM. ^[NAME] [URL]"),
    ("We will look into it. -Becky", "We will look into it. -[NAME]"),
    ("Hi, this is Becky from support", "Hi, this is [NAME] from support"),
]

KEPT = [
    "It cost $1,234.56 and then 1234567 dollars",
    "£12345678 is a lot, so is 12345678 pounds",
    "on 12/03/2021 or 2021-03-12 or 12.03.2021 at 10:30",
    "from 2018 2019 2020 on, 2019-2021",
    "open 24/7/365, 9-5, 10.30 - 11.45",
    "flight BA1234 and EZY8432 to gate B22",
    "my booking on BA1234 was late",
    "the order took 10-12 days and 2-3 weeks",
    "order 50000 points or 12000 items",
    "ordered 2 of them, order came in 45minutes",
    "reservation for 12/03/2021",
    "the iPhone12 in my case, Windows10, COVID19",
    "my account was hacked in 2019",
    "a customer since 1998, member for 10years",
    "booking.com and amazon.com are brands",
    "and/or w/e 5/10 and 3.5/5",
    "meet @5pm or @ noon, @100 each, @10:30",
    "1234 5678 9012 3456 is no card",
    "scores 1 2 3 4 5 6 7 8 9 10",
    "ok.Great service.It was nice/good",
    "my name is not on the list, my name is misspelt",
    "this is Great from start to end",
    "Good service - Delta",
    "Avoid -Never",
    "with regards to the price",
    "thanks, Delta",
    "ticket 737-800 A330-300",
    "complaint: 1st class, 2nd time",
    "A330-300 and 747-400 seats 12345",
    "<3 you",
    "room 1204, 3rd floor, seat 24A",
    "order of the day",
    "the case of 2020-21",
    "[HOPE] and [123]",
    "I AM ALWAYS HAPPY WITH YOU",
    "the booking with ORG549 and NHS111",
    "my booking, #BA1234 to Rome, and a ticket. #EZY8432 again",
    "first order #COVID19, case #ORG12, tickets #9",
    "3.1415926535897931 and 2,4111111111111111 and 12.4111111111111111 and 123.4111111111111111",
    "1,234,567,890,123,456 pounds",
    "rated 4.5, 4.75,3.25 and 9/10,8/10,7/10",
    "from £1500/£1750 to 1,500,000/1,750,000",
    "51.507351,0.127758 or 40.7127764,74.0059741",
    "models 4000,5000,6000 and 7012345/7012346",
    "flights BA1234/BA1235,EZY8432",
    "on 01/02/2021,03/04/2021 at 10:30/11:45",
    "2021-01-02/2021-01-05, 2021/2022,2023",
    "the sort code on 12-03-21",
    "sorted on 12-34-56, sort it by 01-02-21",
    "meet @5.30pm or @10.30",
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert redact(text).text == expected


@pytest.mark.parametrize("text", KEPT)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text).text == text


@pytest.mark.parametrize(
    ("names", "text", "expected"),
    [
        (("Jane Doe",), "Jane Doe called; JANE was cross, jane's bill, Doe", "[NAME] called; [NAME] was cross, [NAME]'s bill, [NAME]"),
        (("Will",), "I will ask Will", "I will ask [NAME]"),
        (("Ana",), "bananas and Ana", "bananas and [NAME]"),
        (("(",), "a ( b", "a ( b"),
        (("",), "a b", "a b"),
        (("Customer 2", "Support Team"), "the support team told another customer", "the support team told another customer"),
        (("Zoë Núñez",), "zoë núñez", "[NAME]"),
        (("Maria de la Cruz",), "de la Cruz of la mar", "de la [NAME] of la mar"),
        (("Jane O'Neil",), "O'Neil, O\u2019NEIL\u2019s and o\u02bcneil, not oneil", "[NAME], [NAME]\u2019s and [NAME], not oneil"),
        (("Jane O\u2019Neil",), "O'Neil", "[NAME]"),
        (("Ann Smith-Jones",), "Smith-Jones or smith-jones, no smith", "[NAME] or [NAME], no smith"),
        (("Doe, Jane",), "Doe and jane", "[NAME] and [NAME]"),
        (("Zoe\u0308 Nu\u0301n\u0303ez",), "zo\u00eb and N\u00fa\u00f1ez", "[NAME] and [NAME]"),
        (("Happy Customer",), "I am very happy with it", "I am very happy with it"),
        (("None", "Very Disappointed"), "None of it works, very bad", "None of it works, very bad"),
        (
            ("The Delivery Team", "Phone Repair Shop"),
            "the delivery shop lost it. Delivery of my phone",
            "the delivery shop lost it. Delivery of my phone",
        ),
        (("Anna from Acme Bank",), "from anna at a bank, no acme; Acme", "from [NAME] at a bank, no acme; [NAME]"),
        (("Garden Team", "Bea (Support)"), "my garden, the Garden Team, bea", "my garden, the [NAME], [NAME]"),
        (("IKEA Support",), "IKEA, Ikea; ikea", "[NAME], [NAME]; ikea"),
        (("Customer-Service", "Jane's 2nd"), "customer-service on the 2nd", "customer-service on the 2nd"),
    ],
)
def test_known_names_are_masked_as_whole_words(names: tuple[str, ...], text: str, expected: str) -> None:
    assert redact(text, known_names=names).text == expected


def test_spans_name_kind_and_place_of_every_placeholder_and_nothing_else() -> None:
    done = redact("@a_b mail jane@example.com or [PHONE]")
    assert [(span.kind, done.text[span.start : span.end], span.turn) for span in done.spans] == [
        ("handle", "[HANDLE]", None),
        ("email", "[EMAIL]", None),
        ("phone", "[PHONE]", None),
    ]
    assert "jane" not in repr(done)


def test_offsets_lead_back_to_the_masked_value() -> None:
    text = "mail jane@example.com, please"
    done = redact(text)
    (span,) = done.spans
    assert text[done.offsets[span.start] : done.offsets[span.end]] == "jane@example.com"
    assert text[done.offsets[done.text.index("please")] :] == "please"
    assert len(done.offsets) == len(done.text) + 1


PIECES = st.sampled_from(
    ["order ", "Booking ", "case", "account ", "ca\u017fe ", "CUSTOMER ", "\u0131tinerary ", "L\u0130CENCE ", "tic\u212aet ", "Sort code ", "number ", "#", ":", " ", ", ", ".", "-", "/", "\n", "AB", "k7xq", "ABCDEF", "1", "22", "333",
     "4111111111111111", "12 34 56", "cvv ", "GB29NWBK60161331926819", "call ", "07700 900123", "\u0661\u0662", "\u017f", "^JH", "-Becky", "\u2014Al", "*"]
)  # fmt: skip


@settings(deadline=None, max_examples=500)
@given(st.lists(PIECES, max_size=12).map("".join))
@example("order ABCDE \u0661\u0662\u0663")
@example("sort code 12 34 56")
def test_what_is_looked_for_first_is_in_every_text_with_something_to_mask(text: str) -> None:
    """A quick look spares most texts the searches; it may not miss what they find."""
    searches: dict[Callable[[str], object], tuple[re.Pattern[str], ...]] = {
        partial(references._may_have_id, cue=references._NEAR_LOWERED): (references._ORDER, references._ORDER_AFTER),
        partial(references._may_have_id, cue=references._ACCOUNT_LOWERED): (references._ACCOUNT,),
        references._MAY_BE_ID.search: (references._LOCATOR,),
        payment._CODE.search: (payment._CARD, payment._CARD_CODE),
        names._SIGN_OFF_MARKS.search: (names._SIGN_OFF,),
        span._DIGIT.search: (payment._IBAN, phones._PHONE_WINDOW, phones._PHONE_LABELLED, references._SORT_CODE),
    }
    for may_have, patterns in searches.items():
        found = [match.groupdict().get("id", match.group()) for pattern in patterns for match in pattern.finditer(text)]
        found = [value for value in found if patterns[0].groupindex.keys() != {"link", "id"} or any(map(str.isdigit, value))]
        assert not found or may_have(text), (patterns, found)


def test_masking_twice_changes_nothing() -> None:
    for text, _ in MASKED:
        once = redact(text)
        again = redact(once.text)
        assert (again.text, again.spans) == (once.text, once.spans)


def test_only_the_kinds_of_the_rules_are_masked_but_old_masks_are_always_reported() -> None:
    done = redact("jane@example.com @brand [PHONE]", rules=RedactionRules(kinds=("email",)))
    assert done.text == "[EMAIL] @brand [PHONE]"
    assert [span.kind for span in done.spans] == ["email", "phone"]


def test_telephone_regions_come_from_the_rules() -> None:
    text = "0491 570 006"
    assert redact(text).text == text
    assert redact(text, rules=RedactionRules(phone_regions=("AU",))).text == "[PHONE]"


def test_shipped_rules_mask_every_kind() -> None:
    rules = RedactionRules.load(CONFIG)
    assert rules == shipped_rules() and rules.kinds == KINDS == tuple(detectors(rules, ()))


NAMES = '[names]\nnever = "zanzibar"\nalso_words = ""\nparticles = ""\nroles = ""'
RIGHT = f'kinds = ["name"]\nphone_regions = []\n{NAMES}'


@pytest.mark.parametrize(
    "content",
    [
        f'kinds = ["email", "shoe"]\nphone_regions = []\n{NAMES}',
        f'kinds = ["email"]\nphone_regions = ["XX"]\n{NAMES}',
        f'kinds = ["email"]\n{NAMES}',
        'kinds = ["email"]\nphone_regions = []',
        f'kinds = ["email"]\nphone_regions = []\nmore = 1\n{NAMES}',
        f'kinds = "email"\nphone_regions = []\n{NAMES}',
        f"kinds = [1]\nphone_regions = []\n{NAMES}",
        f"{RIGHT}\nmore = 1",
        RIGHT.replace('roles = ""', "roles = []"),
        RIGHT.replace('roles = ""', ""),
        'names = 1\nkinds = ["email"]\nphone_regions = []',
        "kinds = [",
    ],
)
def test_wrong_rules_are_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError):
        RedactionRules.load(saved(tmp_path, "redaction.toml", content))


def test_words_that_are_no_names_come_from_the_rules(tmp_path: Path) -> None:
    rules = RedactionRules.load(saved(tmp_path, "redaction.toml", RIGHT))
    assert redact("My name is Zanzibar.", rules=rules).text == "My name is Zanzibar."
    assert redact("My name is Zanzibar.").text == "My name is [NAME]."


def test_missing_rules_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        RedactionRules.load(tmp_path / "none.toml")


PIECES = st.sampled_from([text for text, _ in MASKED] + KEPT + ["@", "a@", "<url>", "[ORDER]", "1", " ", "\n", "^", "-A", "https://"])


@settings(deadline=None, max_examples=150)
@given(st.lists(PIECES | st.text(max_size=8), max_size=6).map("".join))
def test_spans_and_offsets_always_fit_the_text(text: str) -> None:
    done = redact(text, known_names=("Jane",))
    assert len(done.offsets) == len(done.text) + 1
    assert list(done.offsets) == sorted(done.offsets)
    assert done.offsets[-1] == len(text)
    covered = {at for span in done.spans for at in range(span.start, span.end)}
    assert all(text[done.offsets[at]] == done.text[at] for at in range(len(done.text)) if at not in covered)
    assert all(done.text[span.start : span.end] == f"[{span.kind.upper()}]" for span in done.spans)


@pytest.mark.parametrize(
    "unit",
    ["a", "a.", "a@", "@", "1", "1 ", "1-", "4111 ", "www.", "https://", "a-", "(at)", " dot a", "GB29", "order ", "order#", "A1", "^A ",
     "my name is ", "[", "07700 900123 ", "<url", "0770090012", "-Aa", "regards,\n", "+", "/u/", "order number 1 ",
     "07700900123,", "07700 900123/", "0770,", "4111,", "1.4111", "@a.a", "order #", "sort code 12-", "12-34-", "O'", "\u02bc"],
)  # fmt: skip
def test_time_stays_linear_on_hostile_text(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    redact(text, known_names=("Jane Doe",))
    assert time.process_time() - start < 3

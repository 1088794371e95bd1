"""Tests of conversations in files: one turn a row, WebVTT, text with speakers, JSON documents; what is odd is told and nothing is lost."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from vocservice.errors import InputError
from vocservice.records import RawTurn, RawVerbatim, Rejected
from vocservice.tables import conversations as conversations_module
from vocservice.tables import intake, open_writer, read
from vocservice.tables import record as record_module
from vocservice.tables.source import Record
from vocservice.turns import role_of

HEADER = ("conversation_id", "speaker", "message", "sent_at", "queue")
ROWS = (
    ("007", "Customer", "Where is it?", "2026-01-05T09:00:00Z", "north"),
    ("007", "Agent", "On its way.", "2026-01-05T09:02:00Z", "north"),
    ("NA", "END_USER", "It broke.", "", "south"),
    ("NA", "?!", "<script>alert(1)</script>", "", "south"),
)


def records(path: Path, content: str | bytes | None = None, **options: Any) -> list[Record]:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with read(str(path), **options) as source:
        return list(source)


def only(path: Path, content: str | bytes, **options: Any) -> RawVerbatim:
    (found,) = records(path, content, **options)
    assert isinstance(found, RawVerbatim), found
    return found


def said(record: Record) -> list[tuple[str, str]]:
    assert isinstance(record, RawVerbatim), record
    return [(turn.speaker, turn.text) for turn in record.turns]


def codes(found: Sequence[Record]) -> list[tuple[str | None, str]]:
    return [(one.id, one.code if isinstance(one, Rejected) else "ok") for one in found]


def csv(*rows: Sequence[str], header: Sequence[str] = HEADER) -> str:
    return "\r\n".join(",".join(row) for row in (header, *rows)) + "\r\n"


def write_table(path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: [row[at] for row in ROWS] for at, name in enumerate(HEADER)}), path)
    elif path.suffix == ".xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate((HEADER, *ROWS)):
                sheet.write_row(number, 0, row)
    else:
        path.write_text(csv(*ROWS).replace(",", "\t" if path.suffix == ".tsv" else ","), newline="")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "xlsx", "parquet"])
def test_rows_of_one_conversation_are_one_record_in_every_table(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"in.{suffix}"
    write_table(path)
    first, second = records(path)
    assert said(first) == [("customer", "Where is it?"), ("agent", "On its way.")] and isinstance(first, RawVerbatim)
    assert said(second) == [("customer", "It broke."), ("system", "<script>alert(1)</script>")] and isinstance(second, RawVerbatim)
    assert (first.id, second.id, first.created_at, first.turns[1].at) == ("007", "NA", ROWS[0][3], ROWS[1][3])
    assert (first.warnings, second.warnings) == ((), ("speaker_unknown",))
    with read(str(path)) as source, open_writer(str(tmp_path / "out.csv"), facts=source.facts) as writer:
        for record in source:
            assert isinstance(record, RawVerbatim)
            writer.write(Rejected(record.id, "x", "y", record.row))
    head, *rows = (tmp_path / "out.csv").read_text().splitlines()
    assert head.startswith("conversation_id,message,queue,status") and "voc_outcome" in head
    assert [row.split(",")[:4] for row in rows] == [["007", "Where is it?", "north", "rejected"], ["NA", "It broke.", "south", "rejected"]]


def test_columns_of_turns_can_be_chosen(tmp_path: Path) -> None:
    content = csv(("a", "bot", "Hello?", "1"), ("a", "caller", "Yes.", "2"), header=("case", "who", "words", "no"))
    found = only(tmp_path / "in.csv", content, id_column="case", text_column="words", mapping={"speaker": "who", "at": "no"})
    assert found.turns == (RawTurn("bot", "Hello?", "1"), RawTurn("customer", "Yes.", "2"))
    with pytest.raises(InputError, match="each row is a turn; choose for 'id' the column that tells the conversations apart"):
        records(tmp_path / "in.csv", text_column="words", mapping={"speaker": "who"})


@pytest.mark.parametrize(
    ("header", "options"),
    [
        (("conversation_id", "text", "queue"), {}),
        (("speaker", "text", "queue"), {}),
        (("conversation_id", "speaker", "text"), {"id_column": "speaker"}),
        (("Session ID", "Role", "Comment"), {}),
        (("ticket_id", "sender", "body"), {}),
        (("contact_id", "role", "text"), {}),
        (("recording", "speaker", "transcript"), {"text_column": "transcript"}),
    ],
)
def test_other_tables_have_a_record_a_row(header: Sequence[str], options: dict[str, str], tmp_path: Path) -> None:
    found = records(tmp_path / "in.csv", csv(("a", "b", "c"), ("a", "b", "c"), header=header), **options)
    assert len(found) == 2 and not any(one.turns for one in found if isinstance(one, RawVerbatim))


def test_what_cannot_be_joined_is_told_and_its_neighbours_go_on(tmp_path: Path) -> None:
    told = ["a customer 1", "b customer 2", "b customer", " customer 3", "b agent 4", "a customer 5", "c customer ", "c agent 6"]
    found = records(tmp_path / "in.csv", csv(*(row.split(" ") for row in told), header=HEADER[:3]))
    assert codes(found) == [("a", "ok"), ("b", "ragged_row"), ("row-4", "invalid_turns"), ("b", "ok"), ("a", "invalid_turns"), ("c", "ok")]
    assert said(found[3]) == [("customer", "2"), ("agent", "4")] and said(found[5]) == [("customer", ""), ("agent", "6")]
    assert isinstance(found[4], Rejected) and "sort the table" in found[4].message


def test_a_conversation_without_end_is_refused_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations_module, "MAX_ROWS", 10)
    rows = [*[("a", "customer", "x", "", "")] * 50, ("b", "customer", "y", "", "")]
    assert codes(records(tmp_path / "in.csv", csv(*rows))) == [("a", "text_too_long"), ("b", "ok")]


VTT = """WEBVTT - a call
Kind: captions

NOTE
Anna: not said

STYLE
::cue { color: red }

1
00:00:01.250 --> 00:00:03.000
<v Anna (Agent)>Hello, this is <b>Anna</b>.</v>

2
01:02.000 --> 01:04.000 align:start
<v.loud Caller>My bill
is wrong.

01:05.000 --> 01:06.000
Twice &amp; again.

01:07.500 --> 01:09.000
Agent: I see.
Customer: <script>alert(1)</script> \u202b\u05e9\u05dc\u05d5\u05dd\u202c

01:10.000 --> 01:12.000
<v Zed>Zed here.</v><v Caller>Bye.</v>
"""


@pytest.mark.parametrize(
    "content", [VTT, "\ufeff" + VTT, VTT.replace("\n", "\r\n"), VTT.replace("\n", "\r"), VTT.encode("utf-16")], ids=range(5)
)
def test_webvtt(content: str | bytes, tmp_path: Path) -> None:
    found = only(tmp_path / "call.7.vtt", content)
    assert found.turns == (
        RawTurn("agent", "Hello, this is Anna.", "00:00:01.250", "Anna"),
        RawTurn("customer", "My bill is wrong. Twice &amp; again.", "00:01:02.000"),
        RawTurn("agent", "I see.", "00:01:07.500"),
        RawTurn("customer", "<script>alert(1)</script> \u202b\u05e9\u05dc\u05d5\u05dd\u202c", "00:01:07.500"),
        found.turns[4],
        RawTurn("customer", "Bye.", "00:01:10.000"),
    )
    assert (found.turns[4].speaker, found.turns[4].author, found.warnings, found.id) == ("system", "Zed", ("speaker_unknown",), "call.7")


TEXT = """Chat of Monday

[2026-01-05 09:00:00] Customer: Hello,
my order is late.

See http://example.com: now 10:30.
10:31:07 Support Anna: Anna here. Sorry!
the agent told me: no
Order: 77
customer 2:
"""


@pytest.mark.parametrize("content", [TEXT, "\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), TEXT.encode("cp1252")], ids=range(4))
def test_text_with_speakers(content: str | bytes, tmp_path: Path) -> None:
    found = only(tmp_path / "chat.txt", content)
    assert found.turns == (
        found.turns[0],
        RawTurn("customer", "Hello,\nmy order is late.\n\nSee http://example.com: now 10:30.", "2026-01-05 09:00:00"),
        RawTurn("agent", "Anna here. Sorry!\nthe agent told me: no", "10:31:07", "Anna"),
        found.turns[3],
        RawTurn("customer", ""),
    )
    assert [(found.turns[at].speaker, found.turns[at].text, found.turns[at].author) for at in (0, 3)] == [
        ("system", "Chat of Monday", None),
        ("system", "77", None),
    ]
    assert found.warnings == ("speaker_unknown",)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.vtt", b"", "empty_text"),
        ("a.txt", b" \r\n\n", "empty_text"),
        ("a.vtt", b"WEBVTT\n", "empty_text"),
        ("a.vtt", b"1\n00:00.000 --> 00:01.000\nCustomer: x", "invalid_turns"),
        ("a.txt", b"Nobody says a word here.", "empty_text"),
        ("a.txt", b"Agent: Anyone?", "empty_text"),
        ("a.txt", b"Customer: \xc3\xa9\xc3\xa8\xc3\xaa\xc3\xab \xff", "invalid_encoding"),
    ],
)
def test_files_that_hold_no_conversation_are_rejected_by_their_name(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    assert codes(records(tmp_path / name, content)) == [("a", code)]


DIALOGUES = {
    "Agent: Hello\r\nCustomer: It broke.\n\nTwice.\nAgent Anna: Sorry.": ["agent", "customer", "agent"],
    "[10:30] Customer: Order: 7\nwhere is it?\nSupport: On its way.\nCustomer: Thanks.": ["customer", "agent", "customer"],
    "Look what I got.\nAgent: rude\nCustomer: me": ["customer"],
    "Agent: rude\nthat is all": ["customer"],
    "Staff: rude\nManager: absent": ["customer"],
    "Support: 2/5\nUser Interface: 3/5": ["customer"],
    "Agent: Hello Customer: Hi": ["customer"],
    "Guest: me\nUser: me too": ["customer"],
}


FORMS = (
    "Customer: John Smith\nAgent: Mary Poppins\nComment: I waited three weeks and nobody called back.",
    "Patient: Mrs Hill\nSpecialist: Dr Roe\nWe waited two hours and nobody said sorry.",
    "User: jdoe\nSystem: macOS 14\nIssue: it crashes when I export.",
    "Staff: very friendly, checked us in fast.\nRoom: small\nGuest: 2 adults\nBreakfast: cold",
    "Support: 4/5\nValue: 3/5\nUser: easy to use",
    "Manager: refused a refund and laughed.\nMember: since 2011, never again.",
    "Customer: John Smith\nAgent: Mary Poppins\nManager: Ann Hill",
    "Customer:\nAgent: Maria\nComments: Great help, thanks!",
    "Agent: Maria\nCustomer:\nAgent: Joe",
    "I called them.\nAgent: hi\nCustomer: broken\nAgent: sorry",
    "Agent Anna: hi\nCustomer: broken\nAgent Anna: sorry",
    "Agent: hi\nBot: a robot took over\nAgent: bye",
)


@pytest.mark.parametrize("text", FORMS)
def test_a_form_is_no_dialogue(text: str, tmp_path: Path) -> None:
    found = only(tmp_path / "t.jsonl", json.dumps({"id": "1", "text": text}))
    assert (found.text, found.turns) == (text, ())


@pytest.mark.parametrize("text", DIALOGUES)
def test_a_turn_that_is_a_dialogue_is_parted_and_no_other(text: str, tmp_path: Path) -> None:
    turn = {"speaker": "customer", "text": text, "at": "2026-01-05T09:00:00Z", "author": "Jo"}
    found = only(tmp_path / "t.jsonl", json.dumps({"id": "1", "turns": [turn, {"speaker": "bot", "text": "Bye."}]}))
    *parts, last = found.turns
    assert [part.speaker for part in parts] == DIALOGUES[text] and last == RawTurn("bot", "Bye.")
    if len(parts) == 1:
        assert parts == [RawTurn(**turn)]  # type: ignore[arg-type]
    else:
        assert [part.at for part in parts] == [turn["at"], *[None] * (len(parts) - 1)]
        assert "".join(" ".join(part.text for part in parts).split()) == "".join(text.split()).replace("Agent:", "").replace(
            "Customer:", ""
        ).replace("AgentAnna:", "").replace("Support:", "").replace("[10:30]", "")


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".xlsx", ".parquet"])
@pytest.mark.parametrize("text", DIALOGUES)
def test_a_text_that_is_a_dialogue_is_parted_and_no_other_whatever_the_file(text: str, suffix: str, tmp_path: Path) -> None:
    path, record = tmp_path / f"t{suffix}", {"id": "1", "comment": text, "author": "Jo"}
    if suffix == ".parquet":
        pq.write_table(pa.table({name: [value] for name, value in record.items()}), path)
    elif suffix == ".xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for at, row in enumerate((list(record), list(record.values()))):
                sheet.write_row(at, 0, row)
    elif suffix == ".csv":
        path.write_bytes(csv(["1", f'"{text}"', "Jo"], header=list(record)).encode())
    else:
        path.write_text(json.dumps(record))
    with read(str(path)) as source:
        (found,) = source
    assert isinstance(found, RawVerbatim) and found.author == "Jo"
    if DIALOGUES[text] == ["customer"]:
        assert found.turns == () and (found.text or "").split() == text.split()
    else:
        assert [turn.speaker for turn in found.turns] == DIALOGUES[text] and found.text is None
    assert suffix.startswith(".json") or (found.row or {})["comment"].split() == text.split()


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_a_text_is_looked_through_for_a_dialogue_once(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    for module in (intake, record_module):
        monkeypatch.setattr(module, "dialogue", lambda text: looked.append(text) or ())
    only(tmp_path / f"t{suffix}", csv(["1", "Late."], header=["id", "text"]) if suffix == ".csv" else '{"id": "1", "text": "Late."}')
    assert looked == ["Late."]


def test_what_is_known_of_a_turn_that_is_parted_stays(tmp_path: Path) -> None:
    first = "[10:02] Agent: Hello Mia\nCustomer: It is late.\nOrder Number: 55\n"
    text = first + "[Mia Okafor, +44 7700 900123] Customer: Hm.\n00:01:02 Agent: Sorry."
    turn = {"speaker": "customer", "text": text, "at": "2026-01-05T09:00:00Z", "author": "Mia Okafor"}
    assert only(tmp_path / "t.jsonl", json.dumps({"id": "1", "turns": [turn]})).turns == (
        RawTurn("agent", "Hello Mia", "2026-01-05T09:00:00Z"),
        RawTurn("customer", "It is late.\nOrder Number: 55", None, "Mia Okafor"),
        RawTurn("customer", "Hm."),
        RawTurn("agent", "Sorry.", "00:01:02"),
    )
    bot = turn | {"speaker": "bot", "text": "Agent: Hello\nCustomer: Hi"}
    assert [said.author for said in only(tmp_path / "t.jsonl", json.dumps({"id": "1", "turns": [bot]})).turns] == ["Mia Okafor", None]


def test_a_row_that_is_a_dialogue_is_parted(tmp_path: Path) -> None:
    found = only(tmp_path / "t.csv", csv(("a", "Agent", '"Agent: Hello\nCustomer: It broke."', "", "")))
    assert said(found) == [("agent", "Hello"), ("customer", "It broke.")] and found.row and found.row["message"] == "It broke."


NAMED = {
    "a.vtt": "WEBVTT\n\n00:00.000 --> 00:01.000\n<v Mia>It broke.</v>\n\n00:01.000 --> 00:02.000\n<v Agent>Sorry.</v>\n",
    "a.txt": "mia: It broke.\nAgent: Sorry.\n",
    "a.csv": "chat_id,speaker,message\na,MIA ,It broke.\na,Agent,Sorry.\n",
    "a.jsonl": '{"turns": [{"speaker": "mia", "text": "It broke."}, {"speaker": "Agent", "text": "Sorry."}]}\n',
    "a.json": '[{"speaker": "MIA", "text": "It broke."}, {"speaker": "Agent", "text": "Sorry."}]',
}


def test_a_blank_name_makes_nobody_a_customer(tmp_path: Path) -> None:
    content = NAMED["a.csv"].replace("MIA ", "") + "a,Client,Still.\n"
    assert said(only(tmp_path / "a.csv", content, customers=["", " "]))[0] == ("system", "It broke.")


@pytest.mark.parametrize("name", NAMED)
def test_speakers_can_be_said_to_be_customers(name: str, tmp_path: Path) -> None:
    found = only(tmp_path / name, NAMED[name], customers=["Somebody Else", " Mia"])
    assert [(turn.speaker, turn.text, (turn.author or "").lower()) for turn in found.turns] == [
        ("customer", "It broke.", "mia"),
        ("agent", "Sorry.", ""),
    ]


@pytest.mark.parametrize(("name", "remedy"), [("a.vtt", "<v Customer>"), ("a.txt", '"Customer: "'), ("a.csv", "the speaker customer")])
def test_a_file_without_a_customer_tells_the_remedy_and_no_option(name: str, remedy: str, tmp_path: Path) -> None:
    (found,) = records(tmp_path / name, NAMED[name])
    assert isinstance(found, Rejected) and remedy in found.message and "Mia" not in found.message
    assert found.field == "speaker" and "--" not in found.message


def test_a_talk_of_5001_turns_comes_whole(tmp_path: Path) -> None:
    assert len(only(tmp_path / "a.txt", "Customer: x\nAgent: y\n" * 2500 + "Customer: z\n").turns) == 5001


TALK = {"id": "t", "turns": [{"speaker": "customer", "text": "Hi."}]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps([{"id": 1, "text": "a"}, 7, TALK], indent=2), [("1", "ok"), ("item-2", "invalid_type"), ("t", "ok")]),
        ("\ufeff" + json.dumps(TALK, indent=1), [("t", "ok")]),
        (json.dumps({"records": [TALK, {"text": "b"}]}, indent=1), [("t", "ok"), ("item-2", "ok")]),
        ('[{"id": "s", "text": "\\ud800"}]', [("s", "invalid_encoding")]),
        ('[{"id": 123456789012345678901, "text": "b"}]', [("123456789012345678901", "ok")]),
        ("[]", []),
        ('{"records": [{"id": "x", "text": "a"}, {"id": "y", "text": "b"}]}\n', [("x", "ok"), ("y", "ok")]),
        ('{"id": "x", "text": "a"}\n{"id": "y", "text": "b"}\n', [("x", "ok"), ("y", "ok")]),
        ('{"id": "x", \n{"id": "y", "text": "b"}\n', [("line-1", "invalid_json"), ("y", "ok")]),
    ],
)  # fmt: skip
def test_json_documents_and_json_lines_of_the_same_suffix(content: str, expected: list[tuple[str, str]], tmp_path: Path) -> None:
    assert codes(records(tmp_path / "in.json", content)) == expected


def test_an_empty_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in\.json: the file is empty"):
        records(tmp_path / "in.json", "")


@pytest.mark.parametrize("content", ['[{"text": "a"},', "[NaN]", "[" * 100_000, b'["\xff"]'])
def test_a_broken_document_is_refused_without_its_words(content: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"in\.json: is not valid (JSON|UTF-8)[^;]*; write one list"):
        records(tmp_path / "in.json", content)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Customer 2", "customer"), ("END_USER", "customer"), ("Customer Support", "agent"), ("Anna (Support)", "agent"),
        ("chat-bot", "bot"),        ("Virtual Agent", "bot"), ("TEAM LEAD", "supervisor"),
        ("Agent of the customer", None), ("", None), ("Anna", None),
        ("x" * 999, None), ("Customer1", "customer"), ("Agent12", "agent"),
    ],
)  # fmt: skip
def test_roles_are_told_by_well_known_words(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_the_name_of_an_author_comes_along(tmp_path: Path) -> None:
    table = only(tmp_path / "in.csv", csv(("1", "Fine.", "Jane Roe"), header=("id", "text", "Author name")))
    line = only(tmp_path / "in.jsonl", '{"id": "1", "text": "Fine.", "author": "Jane Roe"}')
    other = only(tmp_path / "other.jsonl", '{"id": "1", "text": "Fine.", "author": {"name": "Jane Roe"}}')
    turns = only(tmp_path / "turns.csv", csv(("1", "caller", "Hi.", "Jane"), header=("chat_id", "role", "text", "author")))
    assert (table.author, line.author, other.author, turns.author, turns.turns[0].author) == ("Jane Roe", "Jane Roe", None, None, "Jane")


def test_long_runs_of_blanks_cost_no_time(tmp_path: Path) -> None:
    assert only(tmp_path / "a.txt", "Customer: x\nA" + " " * 2_000_000 + "b\n10:30 " + " " * 2_000_000 + "\n").turns


def test_a_header_that_asks_is_the_question(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    asked = records(path, csv(("1", "Nothing"), header=("id", "What could be better?")), text_column="What could be better?")
    plain = records(path, csv(("1", "Nothing"), header=("id", "What to do")), text_column="What to do")
    assert [one.question for one in (*asked, *plain) if isinstance(one, RawVerbatim)] == ["What could be better?", None]

"""Tests of the page on sources: every adapter has its section, every option, reason and warning is on it."""

import re
from pathlib import Path
from typing import Any

import pytest

from ingest.sending import ALL, name_of

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "intake.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, flags=re.MULTILINE))
CODE = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "vocservice" / "ingest").glob("*.py"))


def in_code(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("sender", ALL, ids=name_of)
def test_every_adapter_has_its_section_with_its_options(sender: Any) -> None:
    named = in_code(SECTIONS[sender.label])
    options = set(sender.check_options({})) if sender.name != "standard_webhooks" else set()
    assert {sender.name} | options <= named


@pytest.mark.parametrize("sender", ALL, ids=name_of)
def test_every_adapter_says_which_key_finds_a_customer(sender: Any) -> None:
    first = re.findall(r"^\| ([^|]+) \|", SECTIONS["The customer's key"], flags=re.MULTILINE)
    assert [sender.name in in_code(names) for names in first].count(True) == 1


def test_every_reason_and_warning_is_on_the_page() -> None:
    reasons = set(re.findall(r'Skipped\("([a-z_]+)"', CODE))
    warnings = {"nul_replaced", "timestamp_unusable", "version_unusable", "metadata_cut", "speaker_unknown", "conversation_incomplete"}
    assert len(reasons) > 5 and reasons | warnings <= in_code(PAGE)
    assert all(f'"{warning}"' in CODE for warning in warnings)

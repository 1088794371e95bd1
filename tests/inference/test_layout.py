"""Every label, polarity and attention column has a place of its own in the one head."""

import pytest
from toymodel import toy_taxonomy

from vocservice.inference.layout import lay_out
from vocservice.taxonomy import load_taxonomy


@pytest.mark.parametrize("taxonomy", [toy_taxonomy(), load_taxonomy()], ids=["toy", "ours"])
def test_columns_are_disjoint_and_cover_the_head(taxonomy) -> None:  # type: ignore[no-untyped-def]
    layout = lay_out(taxonomy.of("verbatim"))
    used = [c for b in layout.blocks for part in (b.labels, b.polarities, b.attention) for c in range(part.start, part.stop)]
    assert used == list(range(layout.width))


@pytest.mark.parametrize(
    ("name", "labels", "polarities", "attention"), [("stages", 3, 0, 0), ("factors", 3, 9, 0), ("sentiment", 5, 0, 1), ("scope", 4, 0, 0)]
)
def test_each_kind_has_its_columns(name: str, labels: int, polarities: int, attention: int) -> None:
    block = lay_out(toy_taxonomy().of("verbatim"))[name]
    assert [part.stop - part.start for part in (block.labels, block.polarities, block.attention)] == [labels, polarities, attention]


def test_composites_are_told_by_index() -> None:
    layout = lay_out(toy_taxonomy().of("verbatim"))
    assert layout["scope"].composites == ((2, (0, 1)),)
    assert layout["stages"].composites == ()
    assert lay_out(load_taxonomy().of("verbatim"))["scope"].composites == ((2, (0, 1)),)


def test_an_unknown_set_has_no_block() -> None:
    with pytest.raises(StopIteration):
        lay_out(toy_taxonomy().of("verbatim"))["weather"]


def test_sets_of_transcripts_have_no_columns() -> None:
    names = [block.label_set.name for block in lay_out(load_taxonomy().of("verbatim")).blocks]
    assert "outcome" not in names and "reasons" not in names

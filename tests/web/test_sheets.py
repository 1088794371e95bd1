"""Tests of the style sheets: every class of a page is one that they know, and every pair of colours can be read in both themes."""

import re
from pathlib import Path

import flask_bootstrap
import pytest

WEB = Path(__file__).parents[2] / "vocservice" / "web"
SITE, DARK, WORKBENCH = ((WEB / "static" / name).read_text(encoding="utf-8") for name in ("site.css", "dark.css", "workbench.css"))
BOOTSTRAP = (Path(flask_bootstrap.__file__).parent / "static/bootstrap5/css/bootstrap.min.css").read_text(encoding="utf-8")
PAIRS = [
    *[(f"bs-{ink}", f"bs-{paper}") for ink in ("body-color", "secondary-color", "link-color") for paper in ("body-bg", "tertiary-bg")],
    *[(f"bs-{kind}-text-emphasis", f"bs-{kind}-bg-subtle") for kind in ("success", "info", "warning", "danger")],
    ("bs-danger-text-emphasis", "bs-body-bg"),
    ("bs-body-color", "bs-secondary-bg"),
    ("on-brand", "brand"),
    ("on-brand", "brand-strong"),
    *[("on-mark", mark) for mark in ("plain", "good", "bad", "mixed", "reason", "flag", "scope", "stage")],
]
EDGES = [("edge", "bs-body-bg"), ("brand", "bs-body-bg"), ("brand", "bs-tertiary-bg")]


def variables(sheet: str, selector: str) -> dict[str, str]:
    """What the rules of a selector set, by name."""
    blocks = re.findall(r"(?:^|[}\n;/])" + re.escape(selector) + r" ?\{(.*?)\}", sheet, flags=re.DOTALL)
    return dict(re.findall(r"--([\w-]+): ?([^;]+)", ";".join(blocks)))


def colours(theme: str) -> dict[str, str]:
    """The colours of a theme in full: those of Bootstrap, and ours over them."""
    found = variables(BOOTSTRAP, ":root,[data-bs-theme=light]") | variables(SITE, ":root")
    if theme == "dark":
        found |= variables(DARK, ":root")
    return {name: "#" + "".join(2 * digit for digit in value[1:]) if len(value) == 4 else value for name, value in found.items()}


def contrast(first: str, second: str) -> float:
    """As WCAG 2.2 defines it."""

    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dark = sorted((light(first), light(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_can_be_read_in_both_themes(theme: str) -> None:
    found = colours(theme)
    assert {pair: contrast(found[pair[0]], found[pair[1]]) for pair in PAIRS if contrast(found[pair[0]], found[pair[1]]) < 4.5} == {}
    assert {pair: contrast(found[pair[0]], found[pair[1]]) for pair in EDGES if contrast(found[pair[0]], found[pair[1]]) < 3} == {}


def test_the_dark_theme_leaves_out_no_colour_of_bootstrap_or_ours() -> None:
    scripted = {name for name in variables(BOOTSTRAP, "[data-bs-theme=dark]") if not re.match("bs-(btn-close|carousel)", name)}
    ours = {name for name, value in variables(SITE, ":root").items() if re.match("#|\\d+,", value)}
    assert len(scripted) > 40 and scripted | ours <= variables(DARK, ":root").keys()


def test_every_colour_of_the_pages_is_one_of_the_themes() -> None:
    rules = SITE.partition("}")[2]
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgb|url\(|@import", rules)
    assert set(re.findall(r"var\(--([\w-]+)\)", rules)) <= colours("light").keys()


def test_every_class_of_a_page_is_known_to_a_sheet() -> None:
    known = set(re.findall(r"\.([a-zA-Z][\w-]*)", BOOTSTRAP + SITE + WORKBENCH))
    unknown = set()
    for template in (WEB / "templates").glob("*.html"):
        for given in re.findall(r'\bclass="((?:\{\{.*?\}\}|\{%.*?%\}|[^"])*)"', template.read_text(encoding="utf-8")):
            names = re.sub(r"\S*\{\{.*?\}\}\S*|\{%.*?%\}", " ", given).split()
            unknown |= {(template.name, name) for name in names if name not in known}
    assert unknown == set()

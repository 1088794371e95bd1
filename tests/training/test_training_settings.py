"""The training settings are read whole and checked; corpora of another version are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.conversations import FURTHER
from training.corpora import CORPORA, file_hash
from training.settings import check_data, load_training_settings
from vocservice.errors import ConfigError
from vocservice.paths import config_path

SHIPPED = config_path("training.toml").read_text(encoding="utf-8")


def saved(folder: Path, text: str) -> Path:
    path = folder / "training.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_names_registered_corpora_only() -> None:
    settings = load_training_settings()
    public, codebook = settings.public, settings.codebook
    assert {
        *public.corpora,
        *public.most,
        *codebook.repeat.keys() - {FURTHER},
        *codebook.sentiment,
        *codebook.pool,
        *settings.teach.sentiment,
    } <= set(CORPORA)
    assert set(settings.data) == {corpus.path for corpus in CORPORA.values()}
    assert all(len(digest) == 64 for digest in settings.data.values())


def test_no_stage_is_told_to_learn_from_development_data() -> None:
    settings = load_training_settings()
    codebook = settings.codebook
    used = {*settings.public.corpora, *codebook.repeat.keys() - {FURTHER}, *codebook.sentiment, *codebook.pool, *settings.teach.sentiment}
    assert used.isdisjoint({"dev", "transcripts_dev"})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: "surprise = 1\n" + text, "surprise"),
        (lambda text: text.replace("[bundle]\n", "[bundle]\ncolour = 3\n"), "bundle.colour"),
        (lambda text: text.replace("[codebook.recipe]\n", "[codebook.recipe]\nepocs = 3\n"), "codebook.recipe.epocs"),
        (lambda text: text.replace("[custom.recipe]\n", "[custom.recipe]\nrate = 3\n"), "custom.recipe.rate"),
        (lambda text: text.replace("\nepochs = ", '\nepochs = "many" #'), "epochs"),
        (lambda text: text.replace("[fit]\n", "[fit]\ncolour = 3\n"), "fit.colour"),
        (lambda text: text.replace("[fit.losses]\n", "[fit.losses]\ncolour = 3\n"), "fit.losses.colour"),
        (lambda text: text.replace("[calibration]\n", "[calibration]\ncolour = 3\n"), "calibration.colour"),
        (lambda text: text.replace("\nfloor = 0.2", "\nfloor = 2"), "calibration.floor"),
        (lambda text: text.replace("\nbare = 0.15", ""), "fit.bare"),
        (lambda text: text.replace("[bundle]", "[bundel]"), "bundle"),
        (lambda text: text + "\n[", "training.toml"),
    ],
    ids=[
        "table",
        "key",
        "recipe key",
        "custom recipe key",
        "type",
        "shared",
        "loss",
        "calibration",
        "range",
        "missing",
        "misspelt table",
        "not toml",
    ],
)
def test_a_wrong_file_is_refused_and_says_where(tmp_path: Path, change: Callable[[str], str], told: str) -> None:
    changed = change(SHIPPED)
    assert changed != SHIPPED
    with pytest.raises(ConfigError, match=told):
        load_training_settings(saved(tmp_path, changed))


def test_a_recipe_has_what_is_said_of_all_where_it_says_nothing_itself() -> None:
    settings = load_training_settings()
    stages = (settings.codebook, settings.further, settings.layers, settings.int8, settings.custom)
    recipes = [*(stage.recipe for stage in stages), *(r for teacher in settings.teach.teachers for r in (teacher.public, teacher.codebook))]
    assert {recipe.losses for recipe in recipes} == {settings.fit.losses} and {recipe.bare for recipe in recipes} == {settings.fit.bare}
    assert settings.codebook.recipe.dropout == settings.fit.dropout > settings.further.recipe.dropout == 0.0
    assert recipes[-1].layer_decay > settings.fit.layer_decay  # its own


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.toml"):
        load_training_settings(tmp_path / "none.toml")


@pytest.fixture
def data(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A folder with a file for each corpus, and their hashes."""
    for number, corpus in enumerate(CORPORA.values()):
        (tmp_path / corpus.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / corpus.path).write_bytes(b"invented %d" % number)
    return tmp_path, {corpus.path: file_hash(tmp_path / corpus.path) for corpus in CORPORA.values()}


def test_data_as_pinned_gives_its_hashes(data: tuple[Path, dict[str, str]]) -> None:
    assert check_data(*data) == data[1]


@pytest.mark.parametrize("path", [CORPORA["nhs"].path, CORPORA["dev"].path])
def test_data_of_another_version_is_refused_by_name(data: tuple[Path, dict[str, str]], path: str) -> None:
    folder, pinned = data
    with pytest.raises(ConfigError, match=f"{path} is not the version pinned"):
        check_data(folder, pinned | {path: "0" * 64})
    with pytest.raises(ConfigError, match=f"{path} is not the version pinned"):
        check_data(folder, {name: digest for name, digest in pinned.items() if name != path})
    (folder / path).write_bytes((folder / path).read_bytes() + b"!")
    with pytest.raises(ConfigError, match=f"{path} is not the version pinned"):
        check_data(folder, pinned)
    (folder / path).unlink()
    with pytest.raises(ConfigError, match=f"{path} is not in"):
        check_data(folder, pinned)


def test_the_corpora_are_the_pinned_ones(corpora: Path) -> None:
    assert check_data(corpora, load_training_settings().data)

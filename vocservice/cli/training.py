"""Arguments of `voc train` and `voc evaluate` in, a call of `python -m training` out: the only link to training."""

from collections.abc import Sequence
from importlib import import_module

import click

from vocservice.errors import ConfigError

_FORWARD = {"ignore_unknown_options": True, "help_option_names": []}
_OWN = frozenset({"training", "vocservice"})


@click.command(context_settings=_FORWARD, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def train(arguments: tuple[str, ...]) -> int:
    """Train a model (python -m training train)."""
    return forward("train", arguments)


@click.command(context_settings=_FORWARD, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def evaluate(arguments: tuple[str, ...]) -> int:
    """Evaluate a model (python -m training evaluate)."""
    return forward("evaluate", arguments)


def forward(command: str, arguments: Sequence[str]) -> int:
    """Call the training package.

    Raises:
        ConfigError: the training package, or a library that only training needs, is not installed.
    """
    try:
        main = import_module("training.__main__").main
        return int(main([command, *arguments]) or 0)
    except ModuleNotFoundError as error:
        raise _missing((error.name or "").partition(".")[0]) from None


def _missing(name: str) -> ConfigError:
    if name in _OWN:
        return ConfigError("training is not part of the installed package: run from a checkout of the repository")
    return ConfigError(f"training needs {name or 'a library'}, which serving does not: run make setup-train")

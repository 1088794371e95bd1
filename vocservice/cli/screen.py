"""Styled text and tables in, what fits the terminal on standard output out."""

from rich.console import Console

from vocservice.cli.failures import ReaderGoneError


class Screen(Console):
    """A rich console without guesses at highlights; colours only on a terminal, and none where NO_COLOR is set."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Rich itself would end the program with 1."""
        raise ReaderGoneError

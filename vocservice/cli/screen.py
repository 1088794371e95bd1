"""Styled text and tables in, output that fits the terminal out."""

from rich.console import Console

from vocservice.cli.failures import ReaderGoneError


class Screen(Console):
    """A rich console without automatic highlighting; colours only on a terminal, and none if NO_COLOR is set."""

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Rich itself would exit with 1."""
        raise ReaderGoneError

"""The types of the command line's fixtures, which all tests share."""

from commands import Ran, Voc

__all__ = ["Ran", "Voc"]

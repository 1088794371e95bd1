"""The end of a process in, the news of it to whoever asks whether it is ready out: requests on open connections are still answered."""

from threading import Event

from vocservice.errors import StoppingError

_BEGUN = Event()


def begin() -> None:
    """This process was told to stop."""
    _BEGUN.set()


def check() -> None:
    """Whether new requests may come.

    Raises:
        StoppingError: this process is about to end.
    """
    if _BEGUN.is_set():
        raise StoppingError("this process is stopping; ask another one")

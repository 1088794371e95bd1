"""The parts of an application in, shared access for requests out.

Stored in `app.extensions`; requests get it from `state()`.
"""

from dataclasses import dataclass, field

from flask import Flask, current_app

from vocservice.jobs.guard import Policy
from vocservice.jobs.wake import Ringer
from vocservice.settings import BatchSettings, BundleSettings, HttpLimits, ThemeSettings
from vocservice.web.desk.tally import Tally
from vocservice.web.model import Model
from vocservice.web.requests.limits import Limiter
from vocservice.web.stored import Stored

_NAME = "vocservice"


@dataclass(frozen=True, slots=True)
class State:
    """What requests share."""

    model: Model
    limits: HttpLimits
    stored: Stored
    limiter: Limiter
    ringer: Ringer
    batches: BatchSettings
    sends_mail: bool = False
    tally: Tally = field(default_factory=Tally)
    themes: ThemeSettings = ThemeSettings()
    bundles: BundleSettings = BundleSettings()
    outbound: Policy = Policy()


def attach(app: Flask, state: State) -> None:
    """Attach the state to an application."""
    app.extensions[_NAME] = state


def state() -> State:
    """The state of the current application."""
    found: State = current_app.extensions[_NAME]
    return found

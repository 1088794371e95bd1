"""Options of a command in, settings, logging and a loaded analyser out."""

import logging
import sys

from vocservice import api
from vocservice.api import Analyser
from vocservice.settings import Settings, load_settings


def configured() -> Settings:
    """Read the settings and set up logging to standard error."""
    settings = load_settings()
    logging.basicConfig(stream=sys.stderr, level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s")
    return settings


def analyser_for(settings: Settings, *, bundle: str | None, taxonomy: str | None = None) -> Analyser:
    """Load the analyser for a command."""
    return api.load(bundle, taxonomy=taxonomy, settings=settings)

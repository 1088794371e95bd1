"""Voice-of-the-customer analysis: journey stage, experience factor, sentiment, service against experience, with evidence."""

from vocservice.api import Analyser, load

__version__ = "1.0.0"

__all__ = ["Analyser", "__version__", "load"]

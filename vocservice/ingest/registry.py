"""The adapters by name."""

from collections.abc import Mapping

from vocservice.errors import ConfigError
from vocservice.ingest.adapter import Adapter
from vocservice.ingest.app_store import AppStoreAdapter
from vocservice.ingest.contact_lens import ContactLensAdapter
from vocservice.ingest.delighted import DelightedAdapter
from vocservice.ingest.generic import GenericAdapter, StandardWebhooksAdapter
from vocservice.ingest.genesys import GenesysAdapter
from vocservice.ingest.google_forms import GoogleFormsAdapter
from vocservice.ingest.google_play import GooglePlayAdapter
from vocservice.ingest.insights import InsightsAdapter
from vocservice.ingest.intercom import IntercomAdapter
from vocservice.ingest.qualtrics import QualtricsAdapter
from vocservice.ingest.surveymonkey import SurveyMonkeyAdapter
from vocservice.ingest.trustpilot import TrustpilotAdapter
from vocservice.ingest.twilio import TwilioAdapter
from vocservice.ingest.typeform import TypeformAdapter
from vocservice.ingest.zendesk import ZendeskAdapter

_ALL: tuple[Adapter, ...] = (
    GenericAdapter(),
    StandardWebhooksAdapter(),
    TypeformAdapter(),
    DelightedAdapter(),
    QualtricsAdapter(),
    SurveyMonkeyAdapter(),
    GoogleFormsAdapter(),
    ZendeskAdapter(),
    IntercomAdapter(),
    TrustpilotAdapter(),
    GooglePlayAdapter(),
    AppStoreAdapter(),
    ContactLensAdapter(),
    GenesysAdapter(),
    InsightsAdapter(),
    TwilioAdapter(),
)
ADAPTERS: Mapping[str, Adapter] = {adapter.name: adapter for adapter in _ALL}


def adapter(name: str) -> Adapter:
    """Return the adapter of this name.

    Raises:
        ConfigError: there is none; the message lists the names.
    """
    try:
        return ADAPTERS[name]
    except KeyError:
        raise ConfigError(f"there is no such adapter; there are {', '.join(ADAPTERS)}") from None

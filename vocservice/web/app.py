"""Settings and perhaps an analyser in, a Flask application out: limits, blueprints, one error shape, headers, logs."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from flask import Blueprint, Flask
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from vocservice.api import Analyser
from vocservice.errors import BundleError
from vocservice.jobs.guard import Policy
from vocservice.jobs.wake import Ringer
from vocservice.settings import Settings, load_settings
from vocservice.store.database import Database
from vocservice.web import headers, health, logs, metrics, openapi, page, problems
from vocservice.web.accounts import login, oidc, people
from vocservice.web.admin import alerts, bundles, endpoints, fields, rules
from vocservice.web.admin import pages as admin
from vocservice.web.api import analyse, feedback, sources, subjects, taxonomy, webhooks
from vocservice.web.api import endpoints as endpoints_api
from vocservice.web.api import rules as rules_api
from vocservice.web.batches import api as batches
from vocservice.web.batches import pages as batch_pages
from vocservice.web.desk import bulk, exchange, second
from vocservice.web.desk import pages as desk
from vocservice.web.model import Model
from vocservice.web.requests import limits
from vocservice.web.serving import draining, shares
from vocservice.web.serving.server import THREADS
from vocservice.web.state import State, attach
from vocservice.web.stored import Stored
from vocservice.web.workbench import asking, charts, comparing, digests, issues, prints, segments, themes, watches
from vocservice.web.workbench import pages as workbench

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ExcInfo = tuple[type, BaseException, TracebackType] | tuple[None, None, None]

BLUEPRINTS: tuple[Blueprint, ...] = (
    page.blueprint,
    analyse.blueprint,
    webhooks.blueprint,
    feedback.blueprint,
    batches.blueprint,
    subjects.blueprint,
    sources.blueprint,
    login.blueprint,
    oidc.blueprint,
    desk.blueprint,
    bulk.blueprint,
    second.blueprint,
    exchange.blueprint,
    rules.blueprint,
    rules_api.blueprint,
    endpoints_api.blueprint,
    workbench.blueprint,
    workbench.api,
    comparing.blueprint,
    comparing.api,
    charts.blueprint,
    charts.api,
    prints.blueprint,
    digests.blueprint,
    issues.blueprint,
    issues.api,
    themes.blueprint,
    themes.api,
    asking.blueprint,
    asking.api,
    segments.blueprint,
    watches.blueprint,
    watches.api,
    batch_pages.blueprint,
    admin.blueprint,
    bundles.blueprint,
    alerts.blueprint,
    endpoints.blueprint,
    fields.blueprint,
    taxonomy.blueprint,
    health.blueprint,
    metrics.blueprint,
    openapi.blueprint,
)
HOOKS: tuple[Callable[[Flask], None], ...] = (
    problems.register,
    headers.register,
    limits.register,
    logs.register,
    metrics.register,
    draining.register,
    problems.refuse_nul,
    people.page_of_nothing,
)


class Service(Flask):
    """Flask that never logs exception messages, which may contain customer text, and rejects truncated bodies."""

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """gunicorn ends a body when its sender disconnects: werkzeug checks it against the declared length."""
        if environ.get("CONTENT_LENGTH"):
            environ.pop("wsgi.input_terminated", None)
        return super().wsgi_app(environ, start_response)

    def log_exception(self, exc_info: ExcInfo) -> None:
        logs.log_failure(exc_info[1])


def create_app(
    analyser: Analyser | None = None, settings: Settings | None = None, database: Database | None = None, *, threads: int = THREADS
) -> Flask:
    """Create the application.

    Args:
        analyser: by default the bundle promoted last, else that of the settings; without one the service runs and reports
            that it is not ready.
        settings: read from `config/service.toml` and the environment by default.
        database: opened from the settings at first use by default; views that need it answer 503 while it is unavailable.
        threads: requests handled at a time.

    Raises:
        ConfigError: the settings are wrong.
    """
    settings = settings or load_settings()
    app = Service("vocservice.web")
    app.url_map.merge_slashes = False  # a redirect would repeat the requested path
    app.config.update(MAX_CONTENT_LENGTH=settings.http.max_body_bytes, MAX_FORM_MEMORY_SIZE=settings.http.max_body_bytes, MAX_FORM_PARTS=20)
    if proxies := settings.http.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies)  # type: ignore[method-assign]
    redis_url = settings.redis_url.get_secret_value()
    limiter = limits.limiter(settings.http.rate_per_minute, redis_url=redis_url)
    ringer, sends_mail = Ringer(redis_url), bool(settings.mail.host)
    stored = Stored(settings.store, database)
    model = Model(analyser, settings, promoted=stored.promoted, most=shares.analyses(threads))
    policy = Policy(settings.outbound.allow_http, settings.outbound.allow_private)
    shared = State(
        model,
        settings.http,
        stored,
        limiter,
        ringer,
        settings.batches,
        sends_mail,
        themes=settings.themes,
        bundles=settings.bundles,
        outbound=policy,
    )
    attach(app, shared)
    app.extensions[digests.NAME] = settings.reports
    oidc.attach(app, settings.oidc, settings.http.public_url)
    for hook in HOOKS:
        hook(app)
    shares.attach(app, threads)
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    openapi.attach(app)
    with suppress(BundleError):
        model.analyser()
    return app

"""`config/service.toml` and the `VOC_*` environment in, frozen and validated Settings out; the environment wins.

Unknown keys in the file and invalid values raise one ConfigError that names every fault, but never a value.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from vocservice.errors import ConfigError
from vocservice.paths import config_path
from vocservice.tomlfile import read_toml

PREFIX = "VOC_"
NESTED = "__"
CURRENT = "current"

LogLevel = Literal["debug", "info", "warning", "error"]


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value.strip()


class HttpLimits(BaseModel):
    """Limits of requests, and what a web process serves.

    `rate_per_minute`: requests per API key, 0 for no limit. `max_queued`: records waiting before further feedback is refused.
    `public_url`: URL of the service for senders, which some sign. `loads_model`: off for a process that only takes feedback.
    `proxies`: number of proxies in front, whose headers about scheme and client are trusted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_body_bytes: Annotated[int, Field(ge=1024, le=1024**3)] = 8 * 1024**2
    max_items: Annotated[int, Field(ge=1, le=100_000)] = 1000
    max_text: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    max_queued: Annotated[int, Field(ge=1, le=100_000_000)] = 100_000
    rate_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = 600
    require_key: bool = False
    loads_model: bool = True
    public_url: str = ""
    proxies: Annotated[int, Field(ge=0, le=8)] = 0


class StoreSettings(BaseModel):
    """The database, and the encryption keys for customer texts and secrets (newest first)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr = SecretStr("sqlite:///var/voc.db")
    busy_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    keys: tuple[SecretStr, ...] = ()
    key_file: str = "var/voc.key"

    def sealing_keys(self) -> tuple[str, ...]:
        """The encryption keys of the settings, or of the key file, one per line.

        Raises:
            ConfigError: neither is there.
        """
        if self.keys:
            return tuple(key.get_secret_value() for key in self.keys)
        try:
            return tuple(Path(self.key_file).read_text(encoding="utf-8").split())
        except OSError as error:
            raise ConfigError(f"no key: {self.key_file} cannot be read ({error.strerror}); `voc init` makes it") from None


class JobSettings(BaseModel):
    """How workers take work: records at a time, lease, attempts, polling interval and grace period in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chunk: Annotated[int, Field(ge=1, le=1000)] = 64
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    poll_seconds: Annotated[float, Field(gt=0, le=60)] = 0.5
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 20.0


class OutboundSettings(BaseModel):
    """Whether events may be sent over plain HTTP, or to private networks: for tests and for endpoints of your own.

    Senders' answers are fetched from private networks only if that is allowed, and never over plain HTTP.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_http: bool = False
    allow_private: bool = False


class MailSettings(BaseModel):
    """The SMTP server; without a host no mail is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: SecretStr = SecretStr("")
    sender: str = ""
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15.0

    @model_validator(mode="after")
    def _whole(self) -> "MailSettings":
        if self.host and "@" not in self.sender:
            raise ValueError("mail.sender must be an address where mail.host is given")
        if bool(self.user) != bool(self.password.get_secret_value()):
            raise ValueError("mail.user and mail.password go together")
        if self.user and self.security == "none":
            raise ValueError("mail.password would be sent in the open: set mail.security")
        return self


class BatchSettings(BaseModel):
    """Folder, size limit, open batches per workspace, and days that results are kept.

    `max_bytes`: of a file, or of all files in one reference. `sources`: folder with a subfolder per workspace, whose files batches may
    reference; blank for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Annotated[str, AfterValidator(_not_blank)] = "var/batches"
    sources: str = ""
    max_bytes: Annotated[int, Field(ge=1024, le=64 * 1024**3)] = 256 * 1024**2
    max_open: Annotated[int, Field(ge=1, le=1000)] = 4
    keep_days: Annotated[int, Field(ge=1, le=365)] = 7


class BundleSettings(BaseModel):
    """Names of the workspaces whose admins may promote bundles for the installation; if empty, the workspace created first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promoters: tuple[str, ...] = ()


class ThemeSettings(BaseModel):
    """Whether workers store a vector of each text, and the minimum number of different customers behind a theme."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keeps_vectors: bool = True
    customers: Annotated[int, Field(ge=2, le=1000)] = 5


class ReportSettings(BaseModel):
    """Whether a worker makes a report of each week or month, in which folder, and how many are kept per workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every: Literal["never", "weekly", "monthly"] = "never"
    folder: Annotated[str, AfterValidator(_not_blank)] = "var/reports"
    keep: Annotated[int, Field(ge=1, le=1000)] = 26


class OidcSettings(BaseModel):
    """Sign-in through an OpenID provider; off if all are blank.

    `roles`: role for each value of the claim; if empty, everybody with a verified address in `domains` is an analyst. `workspace`: id
    of the workspace that people join. `allow_private`: allow a provider in a private network, or on plain HTTP.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    workspace: str = ""
    domains: tuple[str, ...] = ()
    claim: Annotated[str, AfterValidator(_not_blank)] = "groups"
    roles: dict[str, Literal["analyst", "support_lead", "admin"]] = {}
    allow_private: bool = False

    @property
    def is_on(self) -> bool:
        return bool(self.issuer)

    @model_validator(mode="after")
    def _whole(self) -> "OidcSettings":
        given = [self.issuer, self.client_id, self.client_secret.get_secret_value(), self.workspace, self.domains or self.roles]
        if any(given) and not all(given):
            raise ValueError("needs issuer, client_id, client_secret, workspace, and domains or roles; or none of them")
        return self


class Settings(BaseSettings):
    """All settings of the service. Constructed in code, it reads neither file nor environment.

    `bundle`: "current", a version under `models/`, or a folder. `taxonomy`: a file the bundle must match, or blank.
    `threads`: threads of the model, 0 for every core.
    """

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, validate_default=True, env_prefix=PREFIX, env_nested_delimiter=NESTED, env_ignore_empty=True
    )

    bundle: Annotated[str, AfterValidator(_not_blank)] = CURRENT
    taxonomy: str = ""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    chunk: Annotated[int, Field(ge=1, le=10_000)] = 256
    max_characters: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000
    log_level: Annotated[LogLevel, BeforeValidator(_lowered)] = "info"
    redis_url: SecretStr = SecretStr("")
    http: HttpLimits = HttpLimits()
    store: StoreSettings = StoreSettings()
    jobs: JobSettings = JobSettings()
    outbound: OutboundSettings = OutboundSettings()
    mail: MailSettings = MailSettings()
    batches: BatchSettings = BatchSettings()
    bundles: BundleSettings = BundleSettings()
    oidc: OidcSettings = OidcSettings()
    reports: ReportSettings = ReportSettings()
    themes: ThemeSettings = ThemeSettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.http.max_text > self.max_characters:
            raise ValueError("http.max_text must not be above max_characters")
        return self

    reads_environment: ClassVar[bool] = False

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings) if cls.reads_environment else (init_settings,)


class _WithEnvironment(Settings):
    """The same with the environment above what is given."""

    reads_environment: ClassVar[bool] = True


def load_settings(path: Path | None = None) -> Settings:
    """Read the settings.

    Args:
        path: the file; `config/service.toml` by default.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, or a value is invalid.
    """
    path = path or config_path("service.toml")
    values = read_toml(path)
    try:
        return _WithEnvironment(**values)
    except ValidationError as error:
        raise ConfigError(f"{path.name}: " + "; ".join(map(_fault, error.errors(include_url=False, include_input=False)))) from None
    except SettingsError:
        remedy = f"write {PREFIX}HTTP{NESTED}MAX_ITEMS=500"
        raise ConfigError(f"the environment: a {PREFIX}* variable of a table is not valid JSON; {remedy}") from None


def _fault(fault: Any) -> str:
    """One fault, with the key and the variable that could have set it."""
    parts = [str(part) for part in fault["loc"]]
    if not parts:
        return str(fault["msg"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key {'.'.join(parts)}"
    return f"{'.'.join(parts)} (or {PREFIX}{NESTED.join(parts).upper()}): {fault['msg']}"

"""A mail server on this machine for the tests of what mails, settings that mail through it, and people who may be mailed."""

import socket
from email import message_from_bytes
from email.message import Message

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from vocservice.settings import HttpLimits, MailSettings, Settings
from vocservice.store.accounts import users
from vocservice.store.accounts.users import User
from vocservice.store.opened import Store

from .stores import WORKSPACE

URL = "https://voc.example.org"


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class Server:
    """A mail server on this machine: what it got, and for whom; it refuses what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[list[str], Message]] = []
        self.refuses: set[str] = set()
        self.is_ill = False
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refuses:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.is_ill:
            return "451 later"
        self.got.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))  # type: ignore[arg-type]
        return "250 OK"

    @property
    def texts(self) -> list[str]:
        return [message.get_payload(decode=True).decode() for _, message in self.got]  # type: ignore[union-attr]


def mailed(settings: Settings, server: Server) -> Settings:
    """Settings that mail through this server, with links into the service."""
    mail = MailSettings(host="127.0.0.1", port=server.controller.port, security="none", sender="voc@example.org")
    return settings.model_copy(update={"mail": mail, "http": HttpLimits(public_url=f"{URL}/")})


def person(store: Store, email: str, role: str) -> User:
    with store.database.write() as connection:
        return users.add(connection, WORKSPACE, email=email, name="Ada", role=role, password="long enough to be one", actor="test")

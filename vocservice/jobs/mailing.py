"""A mail and its addresses in, delivery to the mail server out (SMTP); neither is logged."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from vocservice.errors import MailError
from vocservice.settings import MailSettings

Post = Callable[[MailSettings, EmailMessage, Sequence[str]], None]


def post(mail: MailSettings, message: EmailMessage, to: Sequence[str]) -> None:
    """Send a mail to all addresses at once, hidden from each other.

    Raises:
        MailError: the server is unreachable, refuses us, or refuses every address (`mail_failed`); single refusals are ignored.
    """
    try:
        with _connected(mail) as server:
            if mail.user:
                server.login(mail.user, mail.password.get_secret_value())
            server.send_message(message, mail.sender, list(to))
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"the mail server did not take a mail ({type(error).__name__})") from None


def written(mail: MailSettings, *, subject: str, text: str, mark: str, at: datetime) -> EmailMessage:
    """A mail with hidden recipients; a repeated mail has the same `mark`, so that mail programs show one.

    Raises:
        MailError: there is no mail server (`mail_failed`).
    """
    if not mail.host:
        raise MailError("no mail server is set (mail.host)")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, "undisclosed-recipients:;", subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mark}@{parseaddr(mail.sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text + "\n")
    return message


def _connected(mail: MailSettings) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=mail.timeout_seconds, context=ssl.create_default_context())
    server = smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_seconds)
    if mail.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server

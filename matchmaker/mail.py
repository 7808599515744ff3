"""Mail: what a message is, and the ways it can leave. Each way is a Mailer."""

from __future__ import annotations

import smtplib
import ssl
import sys
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Protocol
from urllib.parse import unquote, urlsplit

from .errors import MailRefused

#: Seconds until a server that does not answer is given up.
_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one address. Header values hold no line breaks."""

    message_id: str
    recipient: str
    subject: str
    text: str
    html: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Mailer(Protocol):
    """Sends one message; returns once it is somebody else's to deliver."""

    def send(self, message: Message) -> None:
        """Raises MailRefused when this message will never be taken, OSError when it may be later."""


def composed(message: Message, sender: str) -> EmailMessage:
    """The message as it travels. Raises MailRefused for a header with a line break or an impossible address."""
    mail = EmailMessage()
    try:
        mail["From"] = sender
        mail["To"] = _travelling(message.recipient)
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = f"<{message.message_id}>"
        mail["Auto-Submitted"] = "auto-generated"
        for name, value in message.headers.items():
            mail[name] = value
    except (ValueError, IndexError) as error:
        raise MailRefused(f"The message cannot be addressed so ({error}).") from error
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _travelling(address: str) -> str:
    """The address with its domain as every server reads it."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


class SMTPMailer:
    """Hands messages to a server: smtps:// speaks TLS from the start, smtp:// turns it on before anything is said.

    A server on this machine is believed without TLS.
    """

    def __init__(self, address: str, sender: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._secure = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._secure else 587)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender

    def send(self, message: Message) -> None:
        """See Mailer."""
        mail = composed(message, self._sender)
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, self._password)
                try:
                    server.send_message(mail)
                except smtplib.SMTPNotSupportedError as error:
                    raise MailRefused("The mail server cannot read the address.") from error
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if _for_good(error):
                raise MailRefused("The mail server refuses the message for good.") from error
            raise OSError(f"the mail server refuses the message for now ({type(error).__name__})") from error
        except smtplib.SMTPException as error:
            raise OSError(f"the mail server does not answer as it should ({type(error).__name__})") from error

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self._secure:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=_PATIENCE, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=_PATIENCE)
        if self._host not in ("localhost", "127.0.0.1", "::1"):
            server.starttls(context=context)
        return server


def _for_good(error: smtplib.SMTPException) -> bool:
    """Whether the server's codes say that trying again is of no use (RFC 5321: 5yz)."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500


class ConsoleMailer:
    """Prints messages: for a machine on which somebody develops or looks around."""

    def send(self, message: Message) -> None:
        """See Mailer."""
        composed(message, "console@localhost")
        print(f"\nMail to {message.recipient}: {message.subject}\n\n{message.text}\n", file=sys.stderr, flush=True)


class MemoryMailer:
    """Keeps messages: for tests."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        """See Mailer."""
        composed(message, "memory@localhost")
        self.sent.append(message)

"""Mail over a real server on this machine: delivered once, refused for good or for now, and never in the way."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Received
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from databases import only_sqlite
from flask import Flask
from sqlalchemy import text

from matchmaker import mail, worker
from matchmaker.errors import MailRefused
from matchmaker.mail import MemoryMailer, Message, SMTPMailer, composed
from matchmaker.parts import Parts
from matchmaker.policy import SYSTEM
from matchmaker.services import indexing, listings, notifying, outbox
from matchmaker.transaction import transaction
from models import Mail, OutboxItem, db
from models.base import now

SENDER = "Matchmaker <no-reply@market.example>"


class Postmaster:
    """Takes mail, and answers with whatever it was told to."""

    def __init__(self) -> None:
        self.taken: list[Received] = []
        self.addresses: list[str] = []
        self.answers: list[str] = []
        self.refused: dict[str, str] = {}

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.taken.append(message_from_bytes(envelope.content, policy=default))
        self.addresses += envelope.rcpt_tos
        return self.answers.pop(0) if self.answers else "250 OK"


@pytest.fixture
def postmaster() -> Postmaster:
    return Postmaster()


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    return free


@pytest.fixture
def server(postmaster: Postmaster, port: int) -> Iterator[Controller]:
    started = Controller(postmaster, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    started.start()
    yield started
    started.stop()


@pytest.fixture
def mailer(server: Controller) -> SMTPMailer:
    return SMTPMailer(f"smtp://127.0.0.1:{server.port}", SENDER)


def owe(recipient: str = "amina@example.org", subject: str = "Hello") -> None:
    with transaction():
        notifying.owe(recipient, subject, "Grüße & 你好")


def owed() -> int:
    return db.session.query(Mail).count()


def make_due() -> None:
    with transaction():
        db.session.execute(text("UPDATE outbox SET available_at = '2000-01-01 00:00:00'"))


def item() -> OutboxItem:
    return db.session.query(OutboxItem).populate_existing().one()


def test_a_letter_arrives_whole_and_is_forgotten(
    app_context: Flask, mailer: SMTPMailer, postmaster: Postmaster
) -> None:
    owe(subject="Bewässerung 灌溉")
    assert notifying.deliver_next(mailer, "w") == 1
    (letter,) = postmaster.taken
    assert postmaster.addresses == ["amina@example.org"]
    assert (letter["From"], letter["To"]) == (SENDER, "amina@example.org")
    assert letter["Subject"] == "Bewässerung 灌溉"
    assert letter.get_content().strip() == "Grüße & 你好"  # type: ignore[attr-defined]
    assert letter["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f]{32}@matchmaker>", letter["Message-ID"])
    assert letter["Date"]
    assert owed() == 0
    assert outbox.depth("mail").waiting == 0


@pytest.mark.parametrize("where", ["RCPT", "DATA"])
def test_a_letter_refused_for_good_is_dropped(
    app_context: Flask, mailer: SMTPMailer, postmaster: Postmaster, where: str
) -> None:
    if where == "RCPT":
        postmaster.refused["amina@example.org"] = "550 no such mailbox"
    else:
        postmaster.answers = ["554 looks like spam"]
    owe()
    owe("kofi@example.org")
    while notifying.deliver_next(mailer, "w"):
        pass
    assert owed() == 0
    assert postmaster.addresses[-1] == "kofi@example.org"


def test_a_letter_refused_for_now_comes_later_as_the_same_letter(
    app_context: Flask, mailer: SMTPMailer, postmaster: Postmaster
) -> None:
    postmaster.answers = ["451 try again later", "421 busy"]
    owe()
    waits = []
    for _ in range(2):
        notifying.deliver_next(mailer, "w")
        waits.append(item().available_at)
        assert notifying.deliver_next(mailer, "w") == 0
        make_due()
    assert waits[1] > waits[0]
    assert item().attempts == 2
    notifying.deliver_next(mailer, "w")
    assert len(postmaster.taken) == 3
    assert len({letter["Message-ID"] for letter in postmaster.taken}) == 1
    assert owed() == 0


def test_a_server_that_is_down_gets_the_letter_when_it_is_back(
    app_context: Flask, port: int, postmaster: Postmaster
) -> None:
    mailer = SMTPMailer(f"smtp://127.0.0.1:{port}", SENDER)
    owe()
    notifying.deliver_next(mailer, "w")
    assert item().attempts == 1
    assert "Connection refused" in (item().last_error or "")
    back = Controller(postmaster, hostname="127.0.0.1", port=port)
    back.start()
    make_due()
    notifying.deliver_next(mailer, "w")
    back.stop()
    assert postmaster.addresses == ["amina@example.org"]
    assert owed() == 0


def test_the_rest_waits_untried_while_the_server_is_down(app_context: Flask) -> None:
    """Each try may take many seconds."""
    tries = []

    class Down(MemoryMailer):
        def send(self, message: Message) -> None:
            tries.append(message.recipient)
            raise OSError("down")

    for number in range(5):
        owe(f"p{number}@example.org")
    notifying.deliver_next(Down(), "w")
    assert tries == ["p0@example.org"]
    assert outbox.depth("mail") == outbox.Depth(waiting=5, leased=0, parked=0)


def test_a_letter_nobody_takes_for_a_day_is_parked(app_context: Flask) -> None:
    class Down(MemoryMailer):
        def send(self, message: Message) -> None:
            raise OSError("down")

    owe()
    waited = timedelta()
    while not outbox.depth("mail").parked:
        make_due()
        notifying.deliver_next(Down(), "w")
        waited += item().available_at - now()
    assert timedelta(hours=23) < waited < timedelta(hours=26)


@only_sqlite
def test_mail_leaves_within_a_second_and_its_failure_stops_no_indexing(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: Parts = app.extensions["matchmaker"]
    mailer: MemoryMailer = parts.mailer  # type: ignore[assignment]
    working = mailer.send

    def fails_for_one(message: Message) -> None:
        if message.recipient == "broken@example.org":
            raise OSError("down")
        working(message)

    monkeypatch.setattr(mailer, "send", fails_for_one)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(app, stop))
    thread.start()
    time.sleep(1)
    with app.app_context():
        owe("broken@example.org")
        listings.publish(SYSTEM, "offer", {"title": "Solar pump"})
        owe("amina@example.org")
    started = time.monotonic()
    try:
        while time.monotonic() - started < 10:
            with app.app_context():
                if mailer.sent and not indexing.differences(parts.engine):
                    break
            time.sleep(0.05)
        took = time.monotonic() - started
    finally:
        stop.set()
        thread.join()
    assert [letter.recipient for letter in mailer.sent] == ["amina@example.org"]
    assert took < 5


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("smtp://mail.example.org", ["SMTP mail.example.org 587", "starttls verified"]),
        ("smtp://mail.example.org:25", ["SMTP mail.example.org 25", "starttls verified"]),
        ("smtps://user:p%40ss@mail.example.org", ["SMTP_SSL mail.example.org 465 verified", "login user p@ss"]),
        ("smtp://localhost:1025", ["SMTP localhost 1025"]),
    ],
)
def test_no_word_travels_to_another_machine_unencrypted(
    monkeypatch: pytest.MonkeyPatch, address: str, asked: list[str]
) -> None:
    said: list[str] = []

    def verified(context: object) -> str:
        return "verified" if context.verify_mode.name == "CERT_REQUIRED" and context.check_hostname else "open"  # type: ignore[attr-defined]

    class Server:
        """What smtplib has, with a note of what was asked of it."""

        def __init__(self, host: str, port: int, timeout: float, context: object = None) -> None:
            said.append(f"{type(self).__name__} {host} {port}" + (f" {verified(context)}" if context else ""))

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def starttls(self, context: object) -> None:
            said.append(f"starttls {verified(context)}")

        def login(self, user: str, password: str) -> None:
            said.append(f"login {user} {password}")

        def send_message(self, *_: object, **__: object) -> None:
            said.append("send")

    monkeypatch.setattr(mail.smtplib, "SMTP", type("SMTP", (Server,), {}))
    monkeypatch.setattr(mail.smtplib, "SMTP_SSL", type("SMTP_SSL", (Server,), {}))
    SMTPMailer(address, SENDER).send(Message("x@matchmaker", "amina@example.org", "Hello", "text"))
    assert said == [*asked, "send"]


@pytest.mark.parametrize("header", ["Hello\nBcc: x@example.org", "Hello\r\nX: 1"])
def test_a_line_break_in_a_header_is_refused(header: str) -> None:
    with pytest.raises(MailRefused):
        composed(Message("x@matchmaker", "amina@example.org", header, "text"), SENDER)
    with pytest.raises(MailRefused):
        composed(Message("x@matchmaker", "amina@example.org", "Hello", "text", None, {"X-Of": header}), SENDER)


def test_an_international_domain_is_written_as_servers_read_it(mailer: SMTPMailer, postmaster: Postmaster) -> None:
    mailer.send(Message("x@matchmaker", "amina@bücher.example", "Hello", "text"))
    assert postmaster.addresses == ["amina@xn--bcher-kva.example"]


def test_an_address_that_the_server_cannot_read_is_refused_for_good(mailer: SMTPMailer) -> None:
    with pytest.raises(MailRefused):
        mailer.send(Message("x@matchmaker", "用户@example.org", "Hello", "text"))

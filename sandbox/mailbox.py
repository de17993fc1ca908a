"""Every e-mail the service has written to its mailbox folder, newest first.

Django's file backend appends messages to *.log files and closes each with a line of dashes. The
HTML of a mail is somebody else's page: it is only ever shown in a sandbox of its own.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path
from typing import cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from sandbox.pages import page

# A line of dashes in a text stays in the text: what follows the separator is a header or nothing.
SEPARATOR = re.compile(rb"^-{79}\n(?=\Z|[A-Z][A-Za-z-]*: )", re.MULTILINE)
HTML_POLICY = (
    "sandbox allow-top-navigation-by-user-activation; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; form-action 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Mail:
    id: str
    sent_at: datetime
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["subject"] or "")

    @property
    def to(self) -> str:
        return str(self.message["to"] or "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name, str(value)) for name, value in self.message.items()]

    def part(self, kind: str) -> str | None:
        """The body as text/plain or text/html, if it has one."""
        body = self.message.get_body(preferencelist=(kind,))
        return str(body.get_content()) if body else None

    @property
    def pictures(self) -> list[tuple[str, str]]:
        """By the name that the HTML has for each, as an address that holds it."""
        parts = [one for one in self.message.walk() if one.get_content_maintype() == "image"]
        return [(str(one["content-id"] or "").strip("<>"), _as_address(one)) for one in parts]

    @property
    def attachments(self) -> list[str]:
        parts = self.message.iter_attachments()
        return [part.get_filename() or part.get_content_type() for part in parts]


def _as_address(image: Message) -> str:
    content = image.get_payload(decode=True)
    return f"data:{image.get_content_type()};base64,{b64encode(cast('bytes', content)).decode()}"


@require_GET
def mailbox(request: HttpRequest) -> HttpResponse:
    return page("mailbox", {"mails": mails()})


@require_GET
def mail(request: HttpRequest, mail_id: str) -> HttpResponse:
    found = _mail(mail_id)
    context = {"mail": found, "text": found.part("plain"), "has_html": found.part("html")}
    return page("mail", context)


@require_GET
@xframe_options_sameorigin
def mail_html(request: HttpRequest, mail_id: str) -> HttpResponse:
    found = _mail(mail_id)
    html = found.part("html")
    if html is None:
        raise Http404
    for name, picture in found.pictures:
        html = html.replace(f"cid:{name}", picture)
    # Its links open in the whole window and not inside the frame.
    with_base, count = re.subn(r"(<head[^>]*>)", r'\1<base target="_top">', html, count=1)
    response = HttpResponse(with_base if count else f'<base target="_top">{html}')
    response["Content-Security-Policy"] = HTML_POLICY
    return response


def mails() -> list[Mail]:
    """Newest first; of those sent in the same second, the one written last."""
    logs = sorted(_logs(), key=lambda log: log.stat().st_mtime_ns)
    written = [mail for log in logs for mail in _mails_in(log)]
    return sorted(written, key=lambda mail: mail.sent_at)[::-1]


def _logs() -> Iterator[Path]:
    return Path(settings.EMAIL_FILE_PATH).glob("*.log")


def _mails_in(log: Path) -> Iterator[Mail]:
    written_at = datetime.fromtimestamp(log.stat().st_mtime, tz=UTC)
    for number, raw in enumerate(SEPARATOR.split(log.read_bytes())):
        if raw.strip():
            message = message_from_bytes(raw, policy=policy.default)
            # The address of a mail does not tell the name of a file.
            name = hashlib.sha256(f"{log.name}/{number}".encode()).hexdigest()[:16]
            yield Mail(name, _sent_at(message) or written_at, message)


def _sent_at(message: EmailMessage) -> datetime | None:
    sent_at: datetime | None = getattr(message["date"], "datetime", None)
    if sent_at is None:
        return None
    return sent_at if sent_at.tzinfo else sent_at.replace(tzinfo=UTC)


def _mail(mail_id: str) -> Mail:
    for found in mails():
        if found.id == mail_id:
            return found
    raise Http404

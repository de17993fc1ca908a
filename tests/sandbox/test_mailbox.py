import re
from email.mime.image import MIMEImage
from pathlib import Path

import httpx2
import pytest
from django.conf import LazySettings
from django.core.mail import EmailMultiAlternatives, get_connection

DASHES = "-" * 79


@pytest.fixture(autouse=True)
def _folder(settings: LazySettings, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mailbox"


def send(*subjects: str, text: str = "Ride easy.", html: str | None = "<p>Ride easy.</p>") -> None:
    """All in one file, as one connection writes them."""
    connection = get_connection("django.core.mail.backends.filebased.EmailBackend")
    connection.open()
    for subject in subjects:
        message = EmailMultiAlternatives(subject, text, "coach@lanterne.local", ["t@example.org"])
        if html is not None:
            message.attach_alternative(html, "text/html")
        connection.send_messages([message])
    connection.close()


def addresses(http: httpx2.Client) -> list[str]:
    return re.findall(r'href="/sandbox/(mailbox/[0-9a-f]+)"', http.get("/mailbox/").text)


def test_mailbox_without_mail_says_so(http: httpx2.Client) -> None:
    assert "No mail has been sent yet" in http.get("/mailbox/").text


def test_mailbox_lists_every_mail_newest_first(http: httpx2.Client) -> None:
    send("First & foremost", "Second")
    send("Third")

    page = http.get("/mailbox/").text

    subjects = re.findall(r'href="/sandbox/mailbox/[0-9a-f]+">([^<]+)</a>', page)
    assert subjects == ["Third", "Second", "First &amp; foremost"]
    assert page.count("to t@example.org") == 3


def test_mail_shows_headers_text_and_a_frame(http: httpx2.Client) -> None:
    send("Your day", text="Caf\u00e9 ride: https://example.org/x")
    (address,) = addresses(http)

    page = http.get(f"/{address}").text

    assert "<dt>Subject</dt><dd>Your day</dd>" in page
    assert 'Caf\u00e9 ride: <a href="https://example.org/x"' in page
    assert f'src="/sandbox/{address}/html"' in page
    assert 'sandbox="allow-top-navigation-by-user-activation"' in page


def test_html_of_a_mail_never_reaches_the_page_itself(http: httpx2.Client) -> None:
    send("Hello", html="<b>bold</b><script>alert(1)</script>")
    (address,) = addresses(http)

    assert "alert(1)" not in http.get(f"/{address}").text


def test_html_of_a_mail_is_locked_in(http: httpx2.Client) -> None:
    send("Hello", html="<html><head><title>x</title></head><body><a href='/'>Go</a></body></html>")
    (address,) = addresses(http)

    answer = http.get(f"/{address}/html")

    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["sandbox allow-top-navigation-by-user-activation", "default-src 'none'"]
    assert '<head><base target="_top"><title>x</title>' in answer.text


def test_picture_that_travels_with_the_html_is_shown_in_it(http: httpx2.Client) -> None:
    image = MIMEImage(b"pixels", "png")
    image["Content-ID"] = "<picture>"
    mail = EmailMultiAlternatives("Hello", "Ride.", "coach@lanterne.local", ["t@example.org"])
    mail.attach_alternative('<img src="cid:picture" alt="60 min">', "text/html")
    mail.attach(image)
    get_connection("django.core.mail.backends.filebased.EmailBackend").send_messages([mail])
    (address,) = addresses(http)

    html = http.get(f"/{address}/html").text

    assert html.endswith('<img src="data:image/png;base64,cGl4ZWxz" alt="60 min">')


def test_mail_without_html_has_no_frame(http: httpx2.Client) -> None:
    send("Plain", html=None)
    (address,) = addresses(http)

    assert "<iframe" not in http.get(f"/{address}").text
    assert http.get(f"/{address}/html").status_code == 404


def test_line_of_dashes_in_a_text_does_not_split_the_mail(http: httpx2.Client) -> None:
    send("Signature", text=f"Above\n{DASHES}\nbelow the line")
    (address,) = addresses(http)

    assert "below the line" in http.get(f"/{address}").text


def test_mail_that_is_none_is_not_found(http: httpx2.Client) -> None:
    assert http.get("/mailbox/0123456789abcdef").status_code == 404

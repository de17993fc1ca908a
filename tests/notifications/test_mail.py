from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.template import TemplateDoesNotExist

from coach.models import MissionRun
from missions.models import Mission
from notifications import mail
from notifications.mail import Mail
from tests.factories import TODAY

AT = {"at": datetime(2026, 7, 4, 5, 30, tzinfo=UTC)}


@pytest.fixture
def templates(settings: LazySettings, tmp_path: Path) -> Path:
    """An empty folder in which mails are looked for."""
    (tmp_path / "email").mkdir()
    engine: Any = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**engine, "DIRS": [tmp_path]}]
    return tmp_path / "email"


def write(folder: Path, *, subject: str = "s", text: str = "t", html: str = "h") -> None:
    (folder / "test.subject.txt").write_text(subject)
    (folder / "test.txt").write_text(text)
    (folder / "test.html").write_text(html)


def test_mail_is_its_three_templates(templates: Path) -> None:
    write(templates, subject="Ease: {{ n }} min", text="{{ n }} min", html="<p>{{ n }} min</p>")

    assert mail.render("test", {"n": 45}) == Mail(
        subject="Ease: 45 min",
        text="45 min\n",
        html="<html><head></head><body><p>45 min</p></body></html>",
    )


def test_subject_is_one_line_whatever_stands_in_it(templates: Path) -> None:
    write(templates, subject="Ease:\r\n {{ name }}\n")

    rendered = mail.render("test", {"name": "Tour\nBcc: all@example.org"})

    assert rendered.subject == "Ease: Tour Bcc: all@example.org"


def test_text_ends_with_one_line_break(templates: Path) -> None:
    write(templates, text="\n\n  Ease off.\n\nTwo lines.\n\n\n")

    assert mail.render("test", {}).text == "Ease off.\n\nTwo lines.\n"


@pytest.mark.parametrize(
    ("timezone_name", "words"),
    [
        ("Europe/Paris", "4 July, 07:30"),
        ("Asia/Kathmandu", "4 July, 11:15"),
        ("Pacific/Honolulu", "3 July, 19:30"),
    ],
)
def test_times_are_the_readers_own(templates: Path, timezone_name: str, words: str) -> None:
    when = '{{ at|date:"j F, H:i" }}'
    write(templates, subject=when, text=when, html=f"<p>{when}</p>")

    rendered = mail.render("test", AT, timezone_name=timezone_name)

    assert (rendered.subject, rendered.text) == (words, f"{words}\n")
    assert f"<p>{words}</p>" in rendered.html


def test_times_are_utc_where_no_reader_is_known(templates: Path) -> None:
    write(templates, text='{{ at|date:"H:i e" }}')

    assert mail.render("test", AT).text == "05:30 UTC\n"


def test_styles_are_written_into_the_elements(templates: Path) -> None:
    write(
        templates,
        html="<style>p { color: red } @media (max-width: 480px) { p { color: blue } }</style><p>x",
    )

    html = mail.render("test", {}).html

    assert '<p style="color: red;">x</p>' in html
    assert "@media (max-width: 480px)" in html


def test_stylesheets_from_elsewhere_are_not_fetched(templates: Path) -> None:
    link = '<link rel="stylesheet" href="http://127.0.0.1:9/a.css">'
    write(templates, html=f"{link}<p>x</p>")

    assert "<p>x</p>" in mail.render("test", {}).html


def test_mail_knows_where_the_site_is_and_that_it_is_the_sandbox(
    templates: Path, settings: LazySettings
) -> None:
    write(templates, text="{{ site_url }} {{ is_sandbox }}")

    assert mail.render("test", {}).text == f"{settings.SITE_URL} True\n"


def test_mail_without_one_of_its_templates_is_not_rendered(templates: Path) -> None:
    write(templates)
    (templates / "test.html").unlink()

    with pytest.raises(TemplateDoesNotExist):
        mail.render("test", {})


@pytest.mark.django_db
def test_name_a_tester_chose_is_plain_in_text_and_escaped_in_html(mission: Mission) -> None:
    mission.name = "L'Étape <b>& more"
    run = MissionRun(mission=mission, local_date=TODAY)

    rendered = mail.render("no_brief", {"mission": mission, "run": run})

    assert mission.name in rendered.subject
    assert mission.name in rendered.text
    assert "L'Étape &lt;b&gt;&amp; more" in rendered.html.replace("&#x27;", "'")
    assert "<b>&" not in rendered.html

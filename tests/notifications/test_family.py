"""What every mail has in common, whoever it is to."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from django.conf import LazySettings, settings

from notifications import mail
from tests import mails

NAMES = [
    *("brief", "brief-event", "brief-unknown", "brief-short", "no-brief", "wrap-up", "source"),
    *("alert", *(f"account-{name.replace('_', '-')}" for name in mails.account_names())),
]
# Of these a tester chooses whether they come.
CHOSEN = {name for name in NAMES if not name.startswith(("account", "alert"))}
VOID = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """The links, pictures and rules of a page, and whether its elements close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def family() -> dict[str, mail.Mail]:
    return mails.family()


def test_family_is_whole(family: dict[str, mail.Mail]) -> None:
    assert list(family) == NAMES
    templates = {
        path.name.removesuffix(".html")
        for path in (settings.BASE_DIR / "templates/email").glob("[a-z]*.html")
    }
    shown = {name.partition("-")[0] if name.startswith("brief") else name for name in NAMES}
    assert {name.replace("-", "_") for name in shown} | {"base"} == templates


@pytest.mark.parametrize("name", NAMES)
def test_mail_is_a_sound_page_with_no_script_and_nothing_from_elsewhere(
    family: dict[str, mail.Mail], name: str
) -> None:
    html = family[name].html
    page = Page(html)

    assert page.open == []
    assert {tag for tag, _ in page.found} & {"script", "link", "form", "iframe", "video"} == set()
    assert not re.search(r"url\(|@import|@font-face|\bon\w+=", html)
    assert {image["src"] for image in page.all("img")} <= {"cid:picture"}
    assert all(image["alt"] for image in page.all("img"))
    assert [
        one.get("content") for one in page.all("meta") if one.get("name") == "color-scheme"
    ] == ["light dark"]
    assert "@media (prefers-color-scheme: dark)" in html
    assert "[data-ogsc]" in html


@pytest.mark.parametrize("name", NAMES)
def test_links_are_whole_and_tables_are_told_as_layout(
    family: dict[str, mail.Mail], name: str
) -> None:
    page = Page(family[name].html)

    links = [link["href"] or "" for link in page.all("a")]
    assert [link for link in links if not re.match(r"https?://[\w.:]+/", link)] == []
    assert {table.get("role") for table in page.all("table")} == {"presentation"}
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize("name", NAMES)
def test_mail_is_small_and_its_styles_are_not_dropped_for_their_length(
    family: dict[str, mail.Mail], name: str
) -> None:
    """Gmail drops a block of styles that is longer than 8,192 characters."""
    html = family[name].html

    assert len(html.encode()) < 40_000
    assert max(map(len, re.findall(r"<style>(.*?)</style>", html, re.DOTALL))) < 8_192


@pytest.mark.parametrize("name", NAMES)
def test_text_begins_with_what_the_heading_says(family: dict[str, mail.Mail], name: str) -> None:
    made = family[name]
    (heading,) = re.findall("<h1[^>]*>(.*?)</h1>", made.html)

    assert made.text.splitlines()[0].rstrip(".") == unescape(heading).rstrip(".")
    assert "<" not in made.text.replace("A browser <b>", "")


@pytest.mark.parametrize("name", NAMES)
def test_footer_says_who_it_is_from_and_where_to_choose(
    family: dict[str, mail.Mail], name: str
) -> None:
    made = family[name]
    footer = made.text.rpartition("\n--\n")[2]

    assert re.search("You get this|Sent to", footer)
    assert ("Choose which mails you want: http" in footer) == (name in CHOSEN)
    assert ("Stop these mails</a>, or choose in <a" in made.html) == (name in CHOSEN)
    assert footer.splitlines()[-1] == "Sandbox: stand-in servers, invented data."


@pytest.mark.parametrize("name", NAMES)
def test_mail_that_can_be_stopped_has_the_same_link_in_both_its_texts(
    family: dict[str, mail.Mail], name: str
) -> None:
    made = family[name]
    links = re.findall(r"^Stop these mails: (\S+/mail/unsubscribe/\S+)$", made.text, re.MULTILINE)

    assert len(links) == (name in CHOSEN)
    assert re.findall(r'href="([^"]+/unsubscribe/[^"]+)"', made.html) == links


def test_sandbox_is_named_only_where_it_is_one(settings: LazySettings) -> None:
    settings.SANDBOX = False

    for made in mails.family().values():
        assert "Sandbox" not in made.text + made.html


def test_subjects_fit_their_column(family: dict[str, mail.Mail]) -> None:
    assert max(len(made.subject) for made in family.values()) < 100


# Where the one has a line of links, the other has addresses.
OF_LINKS = {"or", "in", "which", "me", "open", "lanterne", "rouge"}
OF_THE_PICTURE = {"dashed", "line"}


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[\w.,’-]*\w", text.lower()))


@pytest.mark.parametrize("name", NAMES)
def test_text_leaves_out_nothing_that_the_page_says(
    family: dict[str, mail.Mail], name: str
) -> None:
    one = family[name]
    page = re.sub(r"<head>.*?</head>|<[^>]+>", " ", one.html, flags=re.DOTALL)

    assert words_of(unescape(page)) - words_of(one.text) <= OF_LINKS | OF_THE_PICTURE

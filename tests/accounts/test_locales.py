import pytest
from django.test import Client

from accounts import locales
from accounts.formats import NOBODY, Reader
from accounts.models import User
from tests.accounts.entrance import NEWCOMER, REGISTER

BRITISH = Reader("imperial", "24", "dmy", 0)
AMERICAN = Reader("imperial", "12", "mdy", 6)


@pytest.mark.parametrize(
    ("header", "reader"),
    [
        ("en-US,en;q=0.9", AMERICAN),
        ("en-GB", BRITISH),
        ("en-AU,en;q=0.9", Reader("metric", "12", "dmy", 0)),
        ("en-CA", Reader("metric", "12", "mdy", 6)),
        ("fr-CA,en-CA;q=0.8", Reader("metric", "24", "dmy", 6)),
        ("fr-FR,fr;q=0.9,en-US;q=0.8", NOBODY),
        ("de,en-US;q=0.7", NOBODY),
        ("ja", Reader("metric", "24", "ymd", 6)),
        ("ko-KR", Reader("metric", "12", "ymd", 6)),
        ("zh-Hant-TW", Reader("metric", "24", "ymd", 6)),
        ("hu-HU", Reader("metric", "24", "ymd", 0)),
        ("ar-EG", Reader("metric", "12", "dmy", 5)),
        # The best liked counts, wherever it stands; English alone tells nothing of its reader.
        ("en-US;q=0.5,en-GB;q=0.9", BRITISH),
        ("en,en-GB;q=0.8", BRITISH),
        ("en", NOBODY),
        ("*", NOBODY),
        ("", NOBODY),
        ("not a language at all", NOBODY),
        ("x" * 10_000, NOBODY),
    ],
)
def test_reader_is_guessed_from_what_the_browser_asks_for(header: str, reader: Reader) -> None:
    assert locales.reader_of(header) == reader


@pytest.mark.django_db
def test_new_account_reads_as_its_browser_does(client: Client) -> None:
    client.post(REGISTER, NEWCOMER, headers={"accept-language": "en-US,en;q=0.5"})

    assert Reader.of(User.objects.get()) == AMERICAN


@pytest.mark.django_db
def test_account_registered_anew_reads_as_the_newest_browser_does(client: Client) -> None:
    client.post(REGISTER, NEWCOMER, headers={"accept-language": "en-US"})
    client.post(REGISTER, NEWCOMER, headers={"accept-language": "en-GB"})

    assert Reader.of(User.objects.get()) == BRITISH


@pytest.mark.django_db
def test_new_account_of_a_browser_that_asks_for_nothing_reads_as_most_do(client: Client) -> None:
    client.post(REGISTER, NEWCOMER)

    assert Reader.of(User.objects.get()) == NOBODY

import pytest
from django.conf import LazySettings
from django.core.signing import Signer

from accounts.models import User
from notifications import unsubscribing
from notifications.models import Notification
from notifications.unsubscribing import SALT, Forged, Link, Wish

TESTER = User(pk=7, email="tester@example.org")
Kind = Notification.Kind


def test_link_says_whose_mails_of_which_kind(settings: LazySettings) -> None:
    settings.SITE_URL = "https://coach.example.org"
    link = Link(7, Wish.BRIEFS)

    assert unsubscribing.read(link.token) == link
    assert link.url == f"https://coach.example.org/mail/unsubscribe/{link.token}"
    assert "tester" not in link.url


@pytest.mark.parametrize(
    ("kind", "wish"),
    [
        (Kind.BRIEF, Wish.BRIEFS),
        (Kind.NO_BRIEF, Wish.BRIEFS),
        (Kind.WRAP_UP, Wish.WRAP_UPS),
        (Kind.CONNECTION, Wish.CONNECTION_MAILS),
        (Kind.ACCOUNT, None),
        (Kind.ALERT, None),
    ],
)
def test_every_kind_has_its_link_or_none(kind: Notification.Kind, wish: Wish | None) -> None:
    expected = Link(7, wish).url if wish else ""

    assert unsubscribing.url(TESTER, kind) == expected


def test_every_wish_is_a_column_of_the_account() -> None:
    columns = {field.name for field in User._meta.concrete_fields}

    assert {wish.field for wish in Wish} == {one for one in columns if one.startswith("wants_")}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "forged",
        Link(7, Wish.BRIEFS).token[:-1],
        Link(7, Wish.BRIEFS).token.replace(":", "::"),
        # Signed for something else, and of another shape.
        Signer(salt="coach.checkin.links").sign_object([7, "briefs"]),
        Signer(salt=SALT).sign_object([7, "everything"]),
        Signer(salt=SALT).sign_object([7]),
    ],
)
def test_link_that_is_not_ours_is_forged(token: str) -> None:
    with pytest.raises(Forged):
        unsubscribing.read(token)


def test_link_of_one_key_is_good_after_the_next(settings: LazySettings) -> None:
    link = Link(7, Wish.BRIEFS)
    token = link.token
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"

    assert unsubscribing.read(token) == link


@pytest.mark.parametrize("kind", Kind)
def test_mail_is_wanted_unless_its_tester_said_otherwise(kind: Notification.Kind) -> None:
    wish = unsubscribing.WISHES.get(kind)
    refuser = User(wants_briefs=False, wants_wrap_ups=False, wants_connection_mails=False)

    assert unsubscribing.is_wanted(Notification(kind=kind, user=TESTER))
    assert unsubscribing.is_wanted(Notification(kind=kind, user=None))
    assert unsubscribing.is_wanted(Notification(kind=kind, user=refuser)) == (wish is None)

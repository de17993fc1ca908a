from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.core.signing import Signer

from coach.checkin import links
from coach.checkin.check_in import NOTHING_SAID
from coach.checkin.links import ANSWERS, Forged, Link, Word
from missions.models import Mission
from tests.factories import TODAY

TIRED = Link(7, UUID(int=9), TODAY, Word.TIRED)


def test_link_is_read_as_it_was_made(settings: LazySettings) -> None:
    settings.SITE_URL = "https://coach.example.org"

    for word in Word:
        link = Link(7, UUID(int=9), TODAY, word)
        assert links.read(link.token) == link
        assert link.url == f"https://coach.example.org/check-in/{link.token}"


def test_link_of_one_word_is_not_good_for_another() -> None:
    tokens = {Link(7, UUID(int=9), TODAY, word).token for word in Word}

    assert len(tokens) == 4


@pytest.mark.django_db
def test_morning_has_four_links(mission: Mission) -> None:
    made = links.of_morning(mission, TODAY)

    assert made == [Link(mission.owner_id, mission.pk, TODAY, word) for word in Word]
    assert [link.label for link in made] == ["Fine", "Tired", "Sick", "No time today"]


def test_words_are_answers_that_a_check_in_has() -> None:
    assert ANSWERS == {
        "fine": {"feel": 4, "illness": "none"},
        "tired": {"feel": 2},
        "sick": {"feel": 1, "illness": "below_neck"},
        "no_time": {"minutes_today": 0},
    }
    assert all(set(answers) <= set(NOTHING_SAID) for answers in ANSWERS.values())


def test_link_that_is_not_ours_is_forged() -> None:
    body, signature = TIRED.token.split(":")
    tomorrow = Link(7, UUID(int=9), TODAY + timedelta(days=1), Word.TIRED)
    wrong_things = [
        *("", ":", "0", body, f"{body}:", f"{body}:{signature[:-1]}", f"x{TIRED.token}"),
        f"{tomorrow.token.split(':')[0]}:{signature}",
        # Signed by us for something else, or about something else.
        Signer(salt="another").sign_object([7, str(UUID(int=9)), "2026-07-04", "tired"]),
        *(
            Signer(salt=links.SALT).sign_object(said)
            for said in (
                [7, str(UUID(int=9)), "2026-07-04", "great"],
                [7, str(UUID(int=9)), "4 July", "tired"],
                [7, "9", "2026-07-04", "tired"],
                [7],
            )
        ),
    ]

    for token in wrong_things:
        with pytest.raises(Forged):
            links.read(token)

"""The links of a brief that say one word: signed, for one morning, and good for nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from coach.models import CheckIn
from missions.models import Mission

SALT = "coach.checkin.links"


class Word(StrEnum):
    FINE = "fine"
    TIRED = "tired"
    SICK = "sick"
    NO_TIME = "no_time"


LABELS = {
    Word.FINE: "Fine",
    Word.TIRED: "Tired",
    Word.SICK: "Sick",
    Word.NO_TIME: "No time today",
}
# Where an illness sits one word does not say: the coach is told the place it is stricter about.
ANSWERS: dict[Word, Mapping[str, Any]] = {
    Word.FINE: {
        "feel": CheckIn.Feel.GOOD.value,
        "illness": CheckIn.Illness.NONE.value,
    },
    Word.TIRED: {"feel": CheckIn.Feel.TIRED.value},
    Word.SICK: {
        "feel": CheckIn.Feel.AWFUL.value,
        "illness": CheckIn.Illness.BELOW_NECK.value,
    },
    Word.NO_TIME: {"minutes_today": 0},
}


class Forged(Exception):
    """Not a link of ours."""


@dataclass(frozen=True, slots=True)
class Link:
    """Who says which word, of which mission's morning."""

    user_id: int
    mission_id: UUID
    local_date: date
    word: Word

    @property
    def label(self) -> str:
        return LABELS[self.word]

    @property
    def token(self) -> str:
        said = [self.user_id, str(self.mission_id), self.local_date.isoformat(), self.word.value]
        return Signer(salt=SALT).sign_object(said)

    @property
    def url(self) -> str:
        return f"{settings.SITE_URL}{reverse('coach:check-in-link', args=[self.token])}"


def of_morning(mission: Mission, local_date: date) -> list[Link]:
    return [Link(mission.owner_id, mission.pk, local_date, word) for word in Word]


def read(token: str) -> Link:
    """What a link says; raises Forged."""
    try:
        user_id, mission_id, day, word = Signer(salt=SALT).unsign_object(token)
        return Link(user_id, UUID(mission_id), date.fromisoformat(day), Word(word))
    except (BadSignature, ValueError) as error:
        raise Forged from error

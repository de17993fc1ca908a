from datetime import datetime, timedelta

import pytest

from coach import retries
from coach.models import Incident
from coach.retries import POLICIES, next_try
from tests.factories import NOW

Kind = Incident.Kind


def waits(kind: str, wait_s: float | None = None) -> list[float]:
    """Every wait of one run until there is none any more, in seconds."""
    found: list[float] = []
    while True:
        at = next_try(kind, len(found), NOW, wait_s=wait_s, seed="run")
        if at is None:
            return found
        found.append((at - NOW).total_seconds())


def test_waits_double_up_to_the_longest_and_end() -> None:
    plain = {
        Kind.RATE_LIMITED: [20, 40, 80, 160, 320, 600, 600, 600],
        Kind.MODEL_ERROR: [30, 60, 120],
    }

    assert plain.keys() == POLICIES.keys()
    for kind, seconds in plain.items():
        told = waits(kind)
        assert len(told) == len(seconds)
        assert all(one <= wait <= 1.25 * one for one, wait in zip(seconds, told, strict=True))


@pytest.mark.parametrize("kind", sorted(set(Kind) - POLICIES.keys()))
def test_what_asking_again_does_not_mend_is_not_asked_again(kind: str) -> None:
    assert waits(kind) == []


def test_server_s_own_wait_is_kept_whether_it_is_shorter_or_longer() -> None:
    for told in (7, 3600):
        assert all(told <= wait <= 1.25 * told for wait in waits(Kind.RATE_LIMITED, told))


def test_those_who_failed_together_do_not_come_back_together() -> None:
    def at(seed: str) -> datetime | None:
        return next_try(Kind.RATE_LIMITED, 0, NOW, wait_s=None, seed=seed)

    lots = {at(str(number)) for number in range(100)}

    assert len(lots) == 100
    assert at("1") == at("1")


def test_what_breaks_off_waits_longer_each_time_and_never_not_at_all() -> None:
    found = [
        (retries.after_breaking_off(attempts, NOW, seed="run") - NOW) / timedelta(seconds=1)
        for attempts in (1, 2, 3, 5, 6, 40)
    ]

    plain = [10, 20, 40, 160, 300, 300]
    assert all(one <= wait <= 1.25 * one for one, wait in zip(plain, found, strict=True))

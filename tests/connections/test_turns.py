import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from connections import turns
from connections.models import Turn
from tests.factories import NOW
from tests.threads import at_once

LEASE = timedelta(minutes=3)
pytestmark = pytest.mark.django_db
together = pytest.mark.django_db(transaction=True)


def taken(most: int = 1, *, of: str = "model", after_s: float = 0, patience_s: float = 0.0) -> bool:
    """Whether there is a turn at that time; it is given back at once."""
    now = NOW + timedelta(seconds=after_s)
    try:
        with turns.taken(of, most=most, lease=LEASE, now=now, patience_s=patience_s):
            return True
    except turns.NoTurn:
        return False


def held(of: str) -> int:
    return Turn.objects.filter(of=of, held_until__gt=NOW).count()


def test_there_are_so_many_places_and_each_is_given_back() -> None:
    with turns.taken("model", most=2, lease=LEASE, now=NOW):
        assert taken(2)
        with turns.taken("model", most=2, lease=LEASE, now=NOW):
            assert held("model") == 2
            assert not taken(2)
            assert taken(2, of="strava")
    assert held("model") == 0
    assert Turn.objects.filter(of="model").count() == 2


def test_turn_is_given_back_when_its_work_fails() -> None:
    with pytest.raises(ValueError, match="no"), turns.taken("m", most=1, lease=LEASE, now=NOW):
        raise ValueError("no")

    assert taken(of="m")


def test_without_a_limit_there_are_no_rows() -> None:
    assert taken(0)
    assert Turn.objects.count() == 0


def test_more_and_fewer_places_are_so_from_the_next_turn_on() -> None:
    with turns.taken("model", most=1, lease=LEASE, now=NOW):
        assert not taken(1)
        assert taken(3)
    with turns.taken("model", most=3, lease=LEASE, now=NOW):
        assert not taken(1)


def test_turn_of_a_killed_worker_ends_with_its_lease() -> None:
    killed = turns.taken("model", most=1, lease=LEASE, now=NOW)
    killed.__enter__()

    assert not taken(after_s=180)
    with turns.taken("model", most=1, lease=LEASE, now=NOW + timedelta(seconds=181)):
        # Whoever was only slow gives back nothing that is another's by now.
        killed.__exit__(None, None, None)
        assert not taken(after_s=182)


def test_whoever_has_patience_waits_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    held = turns.taken("model", most=1, lease=LEASE, now=NOW)
    held.__enter__()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            held.__exit__(None, None, None)

    monkeypatch.setattr("time.sleep", sleep)

    assert taken(patience_s=5)
    assert len(slept) == 3

    with turns.taken("model", most=1, lease=LEASE, now=NOW):
        slept[:] = [0.0] * 3
        assert not taken(patience_s=5)
    assert 5 <= sum(slept) < 5.5


@together
def test_of_thirty_at_once_no_more_are_in_than_there_are_places() -> None:
    inside, most_inside, lock = 0, 0, threading.Lock()

    def work() -> bool:
        nonlocal inside, most_inside
        with turns.taken("model", most=4, lease=LEASE, now=NOW, patience_s=60):
            with lock:
                inside += 1
                most_inside = max(inside, most_inside)
            time.sleep(0.02)
            with lock:
                inside -= 1
        return True

    assert at_once(*[work] * 30) == [True] * 30
    assert (most_inside, inside) == (4, 0)
    assert held("model") == 0


@together
def test_of_thirty_who_do_not_wait_as_many_get_a_turn_as_there_are_places() -> None:
    with turns.taken("model", most=10, lease=LEASE, now=NOW):
        gate = threading.Barrier(30, timeout=30)

        def work() -> bool:
            try:
                with turns.taken("model", most=10, lease=LEASE, now=NOW):
                    gate.wait()
                    return True
            except turns.NoTurn:
                gate.wait()
                return False

        told = at_once(*[work] * 30)

    assert told.count(True) == 9
    assert list(Turn.objects.values_list("number", flat=True)) == list(range(1, 11))


@together
def test_database_that_is_away_when_a_turn_is_given_back_spoils_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(execute: Callable[..., object], sql: str, *_: object) -> object:
        raise OperationalError("the server closed the connection")

    with turns.taken("model", most=1, lease=LEASE, now=NOW):
        breaks = connection.execute_wrapper(away)
        breaks.__enter__()
    breaks.__exit__(None, None, None)

    assert not taken()
    assert taken(after_s=181)

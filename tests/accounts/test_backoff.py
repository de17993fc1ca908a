from datetime import timedelta

import pytest

from accounts import backoff

MINUTE = timedelta(minutes=1)


def test_wait_doubles_from_a_minute_to_an_hour_and_by_a_lot_of_its_own() -> None:
    waits = [backoff.wait(attempts, "one") / MINUTE for attempts in range(1, 10)]

    least = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert [n for n, wait in zip(least, waits, strict=True) if not n <= wait <= 1.25 * n] == []
    assert waits == [backoff.wait(attempts, "one") / MINUTE for attempts in range(1, 10)]


def test_those_that_failed_together_do_not_come_back_together() -> None:
    waits = {backoff.wait(1, str(number)) for number in range(1000)}

    assert len(waits) > 990
    assert max(waits) - min(waits) > timedelta(seconds=14)


@pytest.mark.parametrize(("attempts", "least"), [(0, 1), (1_000_000, 60)])
def test_any_number_of_attempts_has_its_wait(attempts: int, least: int) -> None:
    assert least <= backoff.wait(attempts, "one") / MINUTE <= 1.25 * least

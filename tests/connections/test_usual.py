"""Of several sources the one that counts, as the days and the coach both have it."""

from typing import NamedTuple

import pytest

from connections.usual import first_that_counts, place


class Teller(NamedTuple):
    name: str
    has_value: bool
    has_usual: bool


RING, NEW_RING = Teller("ring", True, True), Teller("new ring", True, False)
ABSENT, STRANGER = Teller("absent", False, True), Teller("stranger", False, False)


@pytest.mark.parametrize(
    ("ranked", "counts"),
    [
        ([RING, Teller("watch", True, True)], RING),
        ([NEW_RING, ABSENT, RING], RING),
        ([ABSENT, NEW_RING, Teller("watch", True, False)], NEW_RING),
        ([STRANGER, ABSENT], ABSENT),
        ([STRANGER], STRANGER),
    ],
)
def test_first_with_a_value_and_a_usual_counts(ranked: list[Teller], counts: Teller) -> None:
    found = first_that_counts(ranked, lambda one: one.has_value, lambda one: one.has_usual)

    assert found == counts


def test_source_that_is_not_named_comes_after_all_that_are() -> None:
    assert [place(name, ("oura", "apple")) for name in ("oura", "apple", "whoop")] == [0, 1, 2]

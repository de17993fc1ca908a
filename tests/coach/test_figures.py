import pytest

from coach.figures import counted, shown


@pytest.mark.parametrize(("value", "words"), [(61.0, "61"), (-7.5, "\N{MINUS SIGN}7.5"), (0, "0")])
def test_number_is_written_as_short_as_it_is_with_a_real_minus(value: float, words: str) -> None:
    assert shown(value) == words


@pytest.mark.parametrize(("count", "words"), [(0, "0 days"), (1, "1 day"), (2, "2 days")])
def test_what_is_counted_is_one_or_several(count: int, words: str) -> None:
    assert counted(count, "day") == words

from tests.coach.physiology import (
    test_days,
    test_form,
    test_load,
    test_scoring,
    test_wbal,
    test_zones,
)
from tests.coach.physiology.vectors import VECTORS, taken

TAKERS = (test_days, test_form, test_load, test_scoring, test_wbal, test_zones)


def test_every_reference_vector_is_taken_by_a_test() -> None:
    every = {(group, row["name"]) for group, rows in VECTORS.items() for row in rows}

    assert TAKERS
    assert len(every) == 43
    assert taken == every

import pytest

from coach.physiology.wbal import skiba_tau_s, wbal
from tests.coach.physiology.vectors import Vector, vectors


@vectors(
    "wbal", "differential (Froncioni/Skiba) CP 250 W' 20 kJ: 60 s 350 W, 120 s 150 W, 60 s 350 W"
)
def test_w_balance_after_each_stretch(vector: Vector) -> None:
    series = wbal([350] * 60 + [150] * 120 + [350] * 60, cp_w=250, w_prime_j=20_000)

    assert len(series) == 240
    assert [series[59], series[179], series[239]] == pytest.approx(
        [vector["after_60"], vector["after_180"], vector["after_240"]], abs=vector["tol"]
    )


@vectors("wbal", "Skiba integral tau")
def test_recovery_time_constant(vector: Vector) -> None:
    assert skiba_tau_s(vector["DCP"]) == pytest.approx(vector["tau"], abs=0.05)


def test_a_dropout_neither_spends_nor_recovers() -> None:
    assert wbal([350, None, None, 350], cp_w=250, w_prime_j=20_000) == [19900, 19900, 19900, 19800]


def test_recovery_never_overfills_the_balance() -> None:
    assert wbal([350] * 10 + [0] * 7200, cp_w=250, w_prime_j=20_000)[-1] <= 20_000


@pytest.mark.parametrize(("cp_w", "w_prime_j"), [(0, 20_000), (250, 0), (-1, -1)])
def test_an_impossible_rider_is_refused(cp_w: float, w_prime_j: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        wbal([200], cp_w=cp_w, w_prime_j=w_prime_j)

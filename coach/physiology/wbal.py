"""W' balance: what is left of the work a rider can do above critical power."""

import math
from collections.abc import Sequence


def wbal(watts: Sequence[float | None], *, cp_w: float, w_prime_j: float) -> list[float]:
    """Joules left after each second of a 1 Hz series (Froncioni/Skiba, differential form).

    A missing sample leaves the balance as it was. Below zero means CP or W' is set too low.
    ValueError unless both are positive.
    """
    if cp_w <= 0 or w_prime_j <= 0:
        raise ValueError("critical power and W' must be positive")
    balance_j = w_prime_j
    series = []
    for sample in watts:
        if sample is not None:
            balance_j += _change_j(cp_w - sample, balance_j, w_prime_j)
        series.append(balance_j)
    return series


def _change_j(reserve_w: float, balance_j: float, w_prime_j: float) -> float:
    if reserve_w < 0:
        return reserve_w
    return reserve_w * (w_prime_j - balance_j) / w_prime_j


def skiba_tau_s(below_cp_w: float) -> float:
    """Recovery time constant in seconds, from CP minus mean power below CP (Skiba 2012)."""
    return 546 * math.exp(-0.01 * below_cp_w) + 316

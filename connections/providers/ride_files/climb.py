"""How far a ride went up, from the altitudes of its points."""

from collections.abc import Iterable

# An altimeter drifts by a metre or two on the flat: only a rise of more than this counts, and it
# counts whole. It is GoldenCheetah's default ("elevation hysteresis"); Strava has a threshold, too.
HYSTERESIS_M = 3.0
# Nobody rides up faster: an altimeter that jumps like this has just found out where it is.
FASTEST_RISE_M_S = 5.0
# From the shore of the Dead Sea to above any road there is.
LOWEST_M, HIGHEST_M = -450.0, 9_000.0


def climb_m(altitudes: Iterable[tuple[float, float | None]]) -> float | None:
    """The sum of all rises, in m, of samples (second, altitude in m) in the order of their time.

    A rise is measured from the last low; both low and high are noted in steps of more than 3 m, so
    that a ride over gentle waves climbs nothing. None without two altitudes.
    """
    known = [(at, m) for at, m in altitudes if m is not None and LOWEST_M <= m <= HIGHEST_M]
    if len(known) < 2:
        return None
    risen_m, (before_at, before_m) = 0.0, known[0]
    noted_m = before_m
    for at, altitude_m in known[1:]:
        if altitude_m - before_m > FASTEST_RISE_M_S * max(at - before_at, 1.0):
            noted_m += altitude_m - before_m
        elif abs(altitude_m - noted_m) > HYSTERESIS_M:
            risen_m += max(altitude_m - noted_m, 0.0)
            noted_m = altitude_m
        before_at, before_m = at, altitude_m
    return risen_m

"""How long the best line over a three-week tour takes: python -m bench.best_line

Works out the best line on the first morning of 21 stages, once for each way to ride that day, for
riders of different form and time and for games with more and fewer bonuses. Prints the processor
time of each, the least of a few, and the slowest. Exit status 1 if the median is above the
yardstick: a twentieth of a second, which nobody notices beside the question to the model.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from coach.best_line import BestLine, best_line
from coach.situation import Constraints
from missions.bonuses import GameStage
from missions.points import DEFAULT_POINTS_SCHEMA

TIMES = 5
MOST_MS = 50
FIRST = date(2026, 7, 4)
# f flat, h hilly, m mountain, i time trial, - a day of rest.
STAGES = "fhfhihhffm-fmimh-mhmmff"
KINDS = {"f": "flat", "h": "hilly", "m": "mountain", "i": "itt", "-": "flat"}
FORMS = ((30.0, 30.0), (60.0, 50.0), (60.0, 70.0), (90.0, 90.0))
WEEKS = {
    "1 h a day": [60] * 7,
    "2 h a day": [120] * 7,
    "long weekends": [90, 90, 60, 90, 90, 180, 240],
}
ALL_BONUSES = {
    "consecutive_5": {"threshold": 5, "points": 5},
    "breakaway_10": {"threshold": 10, "points": 15},
    "all_mountains_breakaway": {"threshold": 6, "points": 10},
    "final_week_complete": {"threshold": 6, "points": 10},
    "all_gc": {"threshold": 21, "points": 25},
}
GAMES: dict[str, dict[str, Any]] = {
    "usual": DEFAULT_POINTS_SCHEMA,
    "every bonus": {**DEFAULT_POINTS_SCHEMA, "bonuses": ALL_BONUSES},
}
LIMITS = Constraints(
    min_readiness=70,
    min_tsb=-15,
    force_rest_readiness=60,
    force_rest_tsb=-20,
    max_ramp_rate=8,
    max_consecutive_hard_days=3,
    max_hard_sessions_per_week=3,
)


def main() -> int:
    print(f"{'game':14}{'CTL':>5}{'ATL':>5}  {'time':16}{'points':>7}{'ms':>8}")
    took = list(mornings())
    median_ms, slowest_ms = statistics.median(took), max(took)
    print(f"median {median_ms:.0f} ms, at most {MOST_MS}; slowest {slowest_ms:.0f} ms")
    return 1 if median_ms > MOST_MS else 0


def mornings() -> Iterator[float]:
    """The milliseconds of each."""
    for game, schema in GAMES.items():
        for ctl, atl in FORMS:
            for name, week in WEEKS.items():
                told, ms = timed(schema, ctl, atl, week)
                points = "none" if told.points_total is None else told.points_total
                print(f"{game:14}{ctl:>5.0f}{atl:>5.0f}  {name:16}{points:>7}{ms:>8.1f}")
                yield ms


def timed(
    schema: dict[str, Any], ctl: float, atl: float, week: list[int]
) -> tuple[BestLine, float]:
    plan = [
        GameStage(n + 1, FIRST + timedelta(days=n), KINDS[letter], None, letter == "-")
        for n, letter in enumerate(STAGES)
    ]
    minutes = {one.date: week[one.date.weekday()] for one in plan}
    took = []
    for _ in range(TIMES):
        began = time.process_time()
        told = best_line(
            plan,
            schema,
            local_date=FIRST,
            ctl=ctl,
            atl=atl,
            readiness=80,
            hard_days=0,
            minutes=minutes,
            limits=LIMITS,
        )
        took.append(1000 * (time.process_time() - began))
    return told, min(took)


if __name__ == "__main__":
    sys.exit(main())

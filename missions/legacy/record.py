"""The forerunner's record of points, pure: its stages, bonuses and totals as they stand."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from missions.legacy.file import Table, json_table, shown
from missions.legacy.game import Award, Game, Record, RiddenStage, our_bonus
from missions.legacy.rides import activity_key, ridden_stages

MOST = 100_000


def read_record(name: str, text: str, game: Game) -> Record:
    """What can be stored of a JSON file of points; its flags tell the rest. Or NotLegacy."""
    top = json_table(name, text)
    top.take("last_updated")
    stages = top.table("stages")
    ridden = list(ridden_stages(stages, game))
    _judge_stages(top, game, ridden)
    _judge_rides(top, ridden)
    _judge_counts(top, ridden)
    completed = top.whole("stages_completed", 0, MOST)
    if completed is not None and completed != len(stages.values):
        recorded = len(stages.values)
        top.flag("stages_completed", f"says {completed}, and {recorded} stages are recorded.")
    total = top.whole("total_points", 0, MOST)
    awards = _awards(top, game)
    _judge_claims(top, game, ridden, {one.name for one in awards})
    awards = _as_totalled(top, awards, total, sum(one.points for one in ridden))
    top.tell_the_rest()
    return Record(tuple(ridden), tuple(awards), total, completed, tuple(top.flags))


def _judge_stages(top: Table, game: Game, ridden: list[RiddenStage]) -> None:
    recorded = {one.number for one in ridden}
    missing = [str(one.number) for one in game.days if one.number and one.number not in recorded]
    if missing:
        top.flag("stages", f"nothing is imported for these stages: {', '.join(missing)}.")


def _judge_rides(top: Table, ridden: list[RiddenStage]) -> None:
    """Each ride counts once, and the list of used ones names those that counted."""
    counted = Counter(one.ride_key for one in ridden if one.ride_key)
    for key in (key for key, times in counted.items() if times > 1):
        numbers = ", ".join(str(one.number) for one in ridden if one.ride_key == key)
        top.flag("stages", f"one ride, {key}, counts for the stages {numbers}. Stored as recorded.")
    if "used_activity_ids" not in top.values:
        return
    used = set()
    for number in top.entries("used_activity_ids"):
        if used_key := activity_key(number):
            used.add(used_key)
        else:
            top.flag("used_activity_ids", f"{shown(number)} is not the number of an activity.")
    for key in sorted(used - counted.keys()):
        top.flag("used_activity_ids", f"names {key}, and no imported stage was ridden with it.")
    for key in sorted(counted.keys() - used):
        top.flag("used_activity_ids", f"lacks {key}, which counted for a stage.")


def _judge_counts(top: Table, ridden: list[RiddenStage]) -> None:
    counts = {
        "consecutive_stages": _days_in_a_row({one.day for one in ridden}),
        "breakaway_count": sum(one.ride_mode == "breakaway" for one in ridden),
        "gc_count": sum(one.ride_mode == "gc" for one in ridden),
        "mountain_breakaway_count": sum(
            one.ride_mode == "breakaway" and one.stage_type in ("mountain", "mtn_itt")
            for one in ridden
        ),
    }
    for key, counted in counts.items():
        said = top.whole(key, 0, MOST)
        if said is not None and said != counted:
            top.flag(key, f"says {said}; the imported stages make {counted}.")


def _days_in_a_row(days: set[date]) -> int:
    """Calendar days up to the last one, as the forerunner counted: a rest day breaks the row."""
    last = max(days, default=None)
    length = 0
    while last and last - timedelta(days=length) in days:
        length += 1
    return length


def _awards(top: Table, game: Game) -> list[Award]:
    """The bonuses that are claimed, at their price."""
    awards: dict[str, Award] = {}
    for theirs in top.entries("bonuses_earned"):
        name = our_bonus(theirs)
        if name is None:
            top.flag("bonuses_earned", f"{shown(theirs)} is no bonus we know; it is left out.")
        elif name in awards:
            top.flag("bonuses_earned", f"{shown(theirs)} is claimed twice; once is stored.")
        else:
            price = game.price_of(name)
            if price is None:
                top.flag("bonuses_earned", f"{theirs} has no price; it is stored as worth 0.")
            awards[name] = Award(name, theirs, price or 0)
    return list(awards.values())


def _judge_claims(top: Table, game: Game, ridden: list[RiddenStage], claimed: set[str]) -> None:
    for name, standing in game.standings(ridden).items():
        so_far = f"its stages make {standing.count} of {standing.needed}"
        if name in claimed and not standing.is_earned:
            top.flag("bonuses_earned", f"claims {name}; {so_far}. Stored as recorded.")
        elif name not in claimed and standing.is_earned:
            top.flag("bonuses_earned", f"does not claim {name}; {so_far}. None is stored.")


def _as_totalled(top: Table, awards: list[Award], total: int | None, of_stages: int) -> list[Award]:
    """The bonuses at what the recorded total holds for them: their price, or nothing."""
    of_bonuses = sum(one.points for one in awards)
    if total is None:
        top.flag("total_points", "tells no total to hold the stages against.")
    if total in (None, of_stages + of_bonuses):
        return awards
    if total != of_stages:
        top.flag(
            "total_points",
            f"says {total}; the imported stages make {of_stages} and the bonuses {of_bonuses}. "
            "Stages and bonuses are stored as recorded, so the total here differs.",
        )
        return awards
    names = ", ".join(f"{one.theirs} ({one.points} points)" for one in awards)
    top.flag(
        "bonuses_earned",
        f"claimed and not added: {names}. total_points {total} is the sum of the stages alone, "
        f"{of_stages + of_bonuses} was expected. Stored as worth 0, so that the total stays.",
    )
    return [replace(one, points=0) for one in awards]

"""What the rider reported comes before every number. Nothing here names a disease."""

from sandbox.coach.causes import Cause, Ceiling, shown
from sandbox.coach.situation import Situation

JET_LAG_DAYS = 2
# What stays inside the highest zone a clinician allows.
CEILINGS = (Ceiling.REST, Ceiling.RECOVER, Ceiling.EASY, Ceiling.STEADY, Ceiling.STEADY)


def red_flag(situation: Situation) -> Cause | None:
    if not situation.flag("health.red_flags"):
        return None
    return Cause(
        "red_flag_symptom",
        Ceiling.REST,
        "You reported a warning symptom, and good numbers do not outweigh it: do not ride today. "
        "Please have a doctor check it before you train again, and call emergency services if it "
        "comes back or gets worse.",
        is_health=True,
    )


def illness(situation: Situation) -> Cause | None:
    reported = situation.at("health.illness")
    if not reported:
        return None
    if reported == "above_neck":
        return Cause(
            "illness_above_neck",
            Ceiling.EASY,
            "You have cold symptoms above the neck, so at most a short easy ride makes sense, and "
            "none if you feel worse once you start.",
            max_minutes=45,
            is_health=True,
        )
    return Cause(
        "illness",
        Ceiling.REST,
        "You reported an illness that reaches below the neck or a fever, so your body has other "
        "work to do today. Stay off the bike until the symptoms are gone, and see a doctor if "
        "they last longer than a few days.",
        is_health=True,
    )


def just_recovered(situation: Situation) -> Cause | None:
    days = situation.number("health.illness_resolved_days")
    if days is None or days >= 3:
        return None
    return Cause(
        "just_recovered",
        Ceiling.EASY,
        "You are only just over an illness, and a few easy days now are what keeps it away.",
        is_health=True,
    )


def injury(situation: Situation) -> Cause | None:
    if not situation.flag("health.injury"):
        return None
    return Cause(
        "injury",
        Ceiling.EASY,
        "You reported pain or an injury, so ride only as far as it does not hurt, and nothing "
        "hard. If it is still there in a few days, or if you wonder about medicine for it, ask a "
        "doctor or a physiotherapist.",
        is_health=True,
    )


def travel(situation: Situation) -> Cause | None:
    shift_h = situation.number("today.tz_shift_hours")
    since = situation.number("today.days_since_travel")
    is_short = shift_h is None or abs(shift_h) < situation.convention("jet_lag_hours")
    if is_short or (since is not None and since > JET_LAG_DAYS):
        return None
    sleep_h = situation.number("metrics.sleep_h")
    sentence = "You have just crossed several time zones, and your body clock needs a few days"
    if sleep_h is None:
        return Cause("travel", Ceiling.EASY, f"{sentence} to follow.")
    return Cause(
        "travel",
        Ceiling.EASY,
        f"{sentence} to follow; sleep of {shown(sleep_h)} h shows it.",
        ("metrics.sleep_h",),
    )


def clinician_limit(situation: Situation) -> Cause | None:
    """The highest zone a clinician allows, as 2 or "Z2"."""
    named = situation.at("mission.constraints.max_zone")
    zone = str(named).upper().removeprefix("Z") if named is not None else ""
    # No session here goes above Z5, and with a limit of Z4 those without Z4 are the safe ones.
    if not zone.isdigit() or int(zone) > 4:
        return None
    ceiling = CEILINGS[int(zone)]
    return Cause(
        "clinician_limit",
        ceiling,
        "Your clinician has set a limit on intensity, and today's ride stays inside it.",
        is_health=ceiling <= Ceiling.EASY,
    )

"""The readings of the morning against the mission's own limits."""

from sandbox.coach.causes import Cause, Ceiling, below, shown
from sandbox.coach.situation import Situation

READINESS, TSB = "metrics.readiness", "metrics.tsb"
RHR, RHR_BASELINE = "metrics.rhr", "metrics.rhr_baseline"


def readiness_forces_rest(situation: Situation) -> Cause | None:
    if not (pair := below(situation, READINESS, "force_rest_readiness")):
        return None
    return Cause(
        "readiness_forces_rest",
        Ceiling.RECOVER,
        f"Readiness is {shown(pair[0])}, under the {shown(pair[1])} at which your mission calls "
        "for rest: your body is asking for recovery, not for training.",
        (READINESS,),
    )


def tsb_forces_rest(situation: Situation) -> Cause | None:
    if not (pair := below(situation, TSB, "force_rest_tsb")):
        return None
    return Cause(
        "tsb_forces_rest",
        Ceiling.RECOVER,
        f"TSB is {shown(pair[0])}, under the {shown(pair[1])} at which your mission calls for "
        "rest: you carry far more fatigue than fitness can absorb.",
        (TSB,),
    )


def readiness_under_minimum(situation: Situation) -> Cause | None:
    if not (pair := below(situation, READINESS, "min_readiness")):
        return None
    return Cause(
        "readiness_under_minimum",
        Ceiling.EASY,
        f"Readiness is {shown(pair[0])}, under your minimum of {shown(pair[1])}, which means you "
        "have not recovered yet; hard work can return once it is back above that.",
        (READINESS,),
    )


def tsb_under_minimum(situation: Situation) -> Cause | None:
    if not (pair := below(situation, TSB, "min_tsb")):
        return None
    sentence = (
        f"TSB is {shown(pair[0])}, under your limit of {shown(pair[1])}: the fatigue of the last "
        "weeks is larger than your form can carry"
    )
    readiness = situation.number(READINESS)
    if readiness is None or below(situation, READINESS, "min_readiness"):
        return Cause("tsb_under_minimum", Ceiling.EASY, f"{sentence}.", (TSB,))
    return Cause(
        "tsb_under_minimum",
        Ceiling.EASY,
        f"{sentence}, and readiness of {shown(readiness)} after one good night does not undo that.",
        (TSB, READINESS),
    )


def resting_heart_rate(situation: Situation) -> Cause | None:
    rhr, baseline = situation.number(RHR), situation.number(RHR_BASELINE)
    most = situation.limit("max_rhr") or situation.number("mission.max_rhr")
    rise = None if rhr is None or baseline is None else round(rhr - baseline, 1)
    is_raised = rise is not None and rise >= situation.convention("rhr_rise_bpm")
    is_over = rhr is not None and most is not None and rhr > most
    if rhr is None or not (is_raised or is_over):
        return None
    if is_over and not is_raised and most is not None:
        against = f"the {shown(most)} above which your mission allows nothing hard"
    else:
        against = f"a baseline of {shown(baseline)}" if baseline is not None else "its usual level"
    return Cause(
        "resting_heart_rate_raised",
        Ceiling.EASY,
        f"Resting heart rate is {shown(rhr)} against {against}, a sign that something is weighing "
        f"on you{_disagreement(situation)}.",
        (RHR, RHR_BASELINE),
    )


def _disagreement(situation: Situation) -> str:
    if not situation.flag("metrics.conflict"):
        return ""
    return "; it does not match your other numbers, and when they disagree the careful one decides"


def conflict(situation: Situation) -> Cause | None:
    if not situation.flag("metrics.conflict"):
        return None
    return Cause(
        "readings_disagree",
        Ceiling.STEADY,
        "Your readings disagree with each other this morning, so the careful one decides.",
    )


def long_fatigue(situation: Situation) -> Cause | None:
    """HRV well under its own range while the resting heart rate is up."""
    z = situation.number("metrics.hrv_7d_z")
    if z is None or z > -1 or resting_heart_rate(situation) is None:
        return None
    return Cause(
        "fatigue_is_piling_up",
        Ceiling.EASY,
        "HRV has been under its usual range all week while the resting heart rate is up: keep "
        "several days easy, and have a doctor take a look if it does not lift.",
        ("metrics.hrv_7d_z", RHR),
    )


def unknown_form(situation: Situation) -> Cause | None:
    readiness, tsb = situation.number(READINESS), situation.number(TSB)
    if readiness is None and tsb is None:
        return Cause(
            "form_unknown",
            Ceiling.EASY,
            "Neither readiness nor TSB is known this morning, and without them nothing hard can "
            "be justified to you.",
        )
    if readiness is None and tsb is not None:
        return Cause(
            "readiness_unknown",
            Ceiling.STEADY,
            "Readiness is unknown this morning, so nothing goes above a steady effort today; "
            f"your TSB is {shown(tsb)}, {words_for_tsb(tsb)}.",
            (TSB,),
        )
    if tsb is None and readiness is not None:
        return Cause(
            "tsb_unknown",
            Ceiling.STEADY,
            "TSB is unknown because your training load is missing, so nothing goes above a steady "
            f"effort today, even with readiness at {shown(readiness)}.",
            (READINESS,),
        )
    return None


def words_for_tsb(tsb: float) -> str:
    if tsb >= 5:
        return "which means you are fresh"
    if tsb >= -5:
        return "which means fitness and fatigue are in balance"
    return "which is the ordinary fatigue of training"


def monotony(situation: Situation) -> Cause | None:
    value = situation.number("metrics.monotony")
    if value is None or value <= situation.convention("max_monotony"):
        return None
    return Cause(
        "monotony",
        Ceiling.EASY,
        f"Monotony is {shown(value)}: your days have been too much alike, and an easy one helps.",
        ("metrics.monotony",),
    )

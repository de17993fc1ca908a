"""L8 to L10, L12, L14 and L15: load against form, and the taper."""

from coach import derived
from coach.replies import Decision
from coach.rules import work
from coach.rules.rubric import CONVENTION, EVIDENCE, Broken, rule
from coach.situation import Situation

EVE_HARD_MINUTES = 10
EVE_MINUTES = 60
# What a sum of decimals may be off by.
SLACK = 1e-9


@rule("L8", "projected CTL ramp <= max_ramp_rate (8) or load <= CTL", CONVENTION, state="TRAINING")
def the_ramp_is_kept(situation: Situation, decision: Decision) -> Broken | None:
    load, ctl = work.load(decision), situation.metrics.ctl
    ramp, most = _ramp(situation, decision), situation.mission.constraints.max_ramp_rate
    if ramp is None or ctl is None or ramp <= most + SLACK or load <= ctl + SLACK:
        return None
    return Broken(
        f"a load of {load:.1f} makes the ramp {ramp:.2f}",
        f"a ramp of at most {most:g}, or a load of at most the CTL {ctl:g}",
    )


@rule("L9", "projected ramp <= 5", CONVENTION, state="TRAINING", is_flag=True)
def the_ramp_is_usual(situation: Situation, decision: Decision) -> Broken | None:
    ramp, most = _ramp(situation, decision), situation.mission.constraints.usual_ramp_rate
    if ramp is None or ramp <= most + SLACK:
        return None
    return Broken(f"a ramp of {ramp:.2f}", f"at most {most:g}")


def _ramp(situation: Situation, decision: Decision) -> float | None:
    return derived.projected_ramp(situation, work.load(decision))


@rule("L10", "load <= 1.5 x 30-day maximum", CONVENTION, state="TRAINING", is_flag=True)
def the_load_is_known(situation: Situation, decision: Decision) -> Broken | None:
    greatest, pct = situation.metrics.max_load_30d, situation.mission.constraints.max_load_pct
    if greatest is None or work.load(decision) <= greatest * pct / 100 + SLACK:
        return None
    return Broken(f"a load of {work.load(decision):.1f}", f"at most {greatest * pct / 100:.1f}")


@rule("L12", "monotony <= 2 or action in {recover, ease}", CONVENTION, is_flag=True)
def the_days_differ(situation: Situation, decision: Decision) -> Broken | None:
    monotony, most = situation.metrics.monotony, situation.mission.constraints.max_monotony
    if monotony is None or monotony <= most or decision.action in {"recover", "ease"}:
        return None
    return Broken(
        f"monotony {monotony:g} and the action {decision.action}",
        f"above {most:g} recover or ease",
    )


@rule(
    "L14",
    "1-2 days to event => load <= 0.8*CTL, Z4+ <= 10, duration <= 60",
    EVIDENCE,
    state="TRAINING",
)
def the_eve_is_light(situation: Situation, decision: Decision) -> Broken | None:
    if not derived.is_eve(situation):
        return None
    ctl, share = situation.metrics.ctl, derived.EVE_SHARE
    is_light = ctl is None or work.load(decision) <= share * ctl + SLACK
    is_short = work.minutes(decision) <= EVE_MINUTES
    if is_light and is_short and work.hard_minutes(decision) <= EVE_HARD_MINUTES:
        return None
    load = "" if ctl is None else f"a load of at most {share * ctl:.1f}, "
    return Broken(
        f"{work.words(decision)}, load {work.load(decision):.1f}",
        f"{load}at most {EVE_HARD_MINUTES} minutes in Z4 or above, at most {EVE_MINUTES} minutes",
    )


@rule(
    "L15",
    "3-10 days to event => duration <= 75 % of pre-taper mean",
    EVIDENCE,
    state="TRAINING",
    is_flag=True,
)
def the_taper_is_shorter(situation: Situation, decision: Decision) -> Broken | None:
    most = derived.taper_minutes_cap(situation)
    if most is None or work.minutes(decision) <= most:
        return None
    return Broken(f"{work.minutes(decision)} minutes", f"at most {most} minutes")

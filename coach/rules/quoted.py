"""Numbers in texts: those that stand beside the name of a quantity, and all the others. English.

A number belongs to a name when nothing but linking words stand between the two ("readiness is
good at 82", "form (TSB) of -4.2", "readiness is below your minimum of 70"). A duration, a count of
repeats or a percentage after a name is about something else ("HRV 7-day mean", "FTP for 8 min").
Of two names that share their numbers ("CTL and ATL are 48 and 52") neither is judged here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

FIGURE = r"\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\.\d+)?"
NUMBER = re.compile(
    rf"(?<![\w.,])(?P<sign>[-−–+]|(?:minus|negative)\s)?(?P<figure>{FIGURE})(?!\w*_)"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A quantity: where its value is, how texts call it, and its limits and baselines."""

    path: str
    words: str
    limits: tuple[str, ...] = ()


LIMITS = "mission.constraints."
NAMED = (
    Named(
        "metrics.readiness",
        "readiness",
        (
            f"{LIMITS}min_readiness",
            f"{LIMITS}force_rest_readiness",
            f"{LIMITS}prefer_gc_readiness",
        ),
    ),
    Named(
        "metrics.tsb",
        "TSB|form",
        (f"{LIMITS}min_tsb", f"{LIMITS}force_rest_tsb", f"{LIMITS}prefer_gc_tsb"),
    ),
    Named("metrics.ctl", "CTL|fitness", ("mission.targets.ctl", "mission.targets.ctl_peak")),
    Named("metrics.atl", "ATL|fatigue"),
    Named("metrics.hrv", "HRV|heart[- ]rate variability", ("metrics.hrv_baseline",)),
    Named(
        "metrics.rhr",
        "RHR|resting (?:heart rate|HR|pulse)",
        ("metrics.rhr_baseline", f"{LIMITS}max_rhr"),
    ),
    Named("metrics.sleep_h", "sleep|slept", ("metrics.sleep_7d_h",)),
    Named(
        "metrics.ramp_7d",
        "ramp rate|weekly ramp",
        (f"{LIMITS}max_ramp_rate", f"{LIMITS}usual_ramp_rate"),
    ),
    Named("metrics.monotony", "monotony", (f"{LIMITS}max_monotony",)),
    Named("athlete.ftp", "FTP"),
    Named("athlete.lthr", "LTHR|threshold heart rate"),
    Named("athlete.hr_max", "max(?:imum)? heart rate"),
)
COMPARED = (
    "below|under|above|over|beyond|past|within|minimum|min|maximum|max|limits?|threshold|baseline|"
    "usual|normal|average|mean|target|goal|least|most|floor|cap|than|against|versus|vs|forced|rest|"
    "exceeds?|reache[sd]|short"
)
LINKS = (
    f"{COMPARED}|is|was|are|were|of|at|has|have|been|be|being|stands|sits|reads|came|comes|in|to|"
    "from|for|score|value|now|only|just|still|today|this|morning|last|night|the|a|an|your|its|"
    "mission|mission's|mission’s|own|good|great|excellent|strong|solid|high|low|lower|higher|fine|"
    "fair|moderate|poor|decent|down|up|slightly|well|very|quite|a|bit|elevated|raised|positive|"
    "neutral|dropped|fell|fallen|rose|risen|climbed|measured|recorded|averaged|about|around|"
    "roughly|nearly|almost|exactly|remains|stays|shows|needs|must|should|that|which|currently"
)
ASIDE = r"(?:\s*\([^)\d]{0,24}\))?"
NAMES = "|".join(one.words for one in NAMED)
BETWEEN = rf"{ASIDE}(?:[\s(:=~]+(?:{LINKS})\b)*[\s(:=~]+"
SHARED = re.compile(rf"\b(?:{NAMES}){ASIDE}\s*(?:,|and|or|&|/)\s*(?:your\s|the\s)?$", re.IGNORECASE)
OF_A_SHARE = re.compile(r"(?:%|per ?cent)\s*(?:of\s+)?(?:your\s+)?$", re.IGNORECASE)
COMPARED_BEFORE = re.compile(rf"\b(?:{COMPARED})\W+(?:\w+\W+)?$", re.IGNORECASE)
HAS_COMPARED = re.compile(rf"\b(?:{COMPARED})\b", re.IGNORECASE)
OTHER_UNIT = re.compile(
    r"(?:\s*(?:-|–|to)\s*\d+(?:\.\d+)?)?[\s-]*(?:%|per ?cent\b|x(?=\b|\d)|×|"
    r"(?:day|night|week|month|minute|min|hour|hr|h|second|sec|s|time"
    r"|set|rep|interval|effort|block|ride|session|stage|km)s?\b|:\d|st\b|nd\b|rd\b|th\b)",
    re.IGNORECASE,
)
DISTANCE = re.compile(
    r"\s*(?:points?|bpm|beats?|ms|h|hours?)?\s*"
    r"(?:above|below|over|under|higher|lower|more|less|away|short|clear)\b",
    re.IGNORECASE,
)
HOURS = re.compile(
    r"\s*(?:h|hours?|hrs?)\b(?:\s*(?:and\s*)?(?P<minutes>[0-5]?\d)\s*(?:m|min|minutes?)\b)?"
    r"|h(?P<packed>[0-5]\d)\b",
    re.IGNORECASE,
)
# Sleep that is wished for is not sleep that was measured.
WISHED = re.compile(r"\b(?:tonight|aim|try|target|goal|get|need|plan|bed)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quote:
    """A number beside a name, as it was written; `tolerance` is what its rounding leaves open."""

    named: Named
    text: str
    value: float
    tolerance: float
    is_compared: bool
    is_distance: bool
    span: tuple[int, int]


def value_of(number: re.Match[str]) -> float:
    sign = -1 if (number["sign"] or "+").strip() != "+" else 1
    return sign * float(number["figure"].replace(",", ""))


def tolerance_of(number: re.Match[str]) -> float:
    """Half of the last digit that was written."""
    _, _, decimals = number["figure"].partition(".")
    return float(0.5 * 10 ** -len(decimals)) + 1e-9


def is_close(quoted: float, tolerance: float, known: float) -> bool:
    return abs(quoted - known) <= tolerance


def quotes(text: str) -> list[Quote]:
    """Every number beside a name, in the order of `NAMED`."""
    return [quote for named in NAMED for quote in _of(named, text)]


def _of(named: Named, text: str) -> Iterator[Quote]:
    # "negative" may link, but before a figure it is its sign.
    beside = re.compile(
        rf"\b(?:{named.words})(?P<gap>{BETWEEN})(?={NUMBER.pattern})", re.IGNORECASE
    )
    for found in beside.finditer(text):
        number = NUMBER.match(text, found.end())
        before = text[: found.start()]
        if number is None or SHARED.search(before) or OF_A_SHARE.search(before):
            continue
        quote = _read(named, text, found, number)
        if quote is not None:
            yield quote


def _read(named: Named, text: str, found: re.Match[str], number: re.Match[str]) -> Quote | None:
    rest = text[number.end() :]
    value, tolerance, end = value_of(number), tolerance_of(number), number.end()
    if named.path == "metrics.sleep_h":
        hours = HOURS.match(rest)
        if hours is None or WISHED.search(_sentence(text, found.start())):
            return None
        if minutes := hours["minutes"] or hours["packed"]:
            value, tolerance = value + int(minutes) / 60, 0.05 + 1e-9
        end += hours.end()
    elif OTHER_UNIT.match(rest) and not (named.path == "metrics.readiness" and rest[:1] == "%"):
        return None
    is_compared = bool(
        HAS_COMPARED.search(found["gap"]) or COMPARED_BEFORE.search(text[: found.start()])
    )
    return Quote(
        named=named,
        text=text[found.start() : end],
        value=value,
        tolerance=tolerance,
        is_compared=is_compared,
        is_distance=DISTANCE.match(text, end) is not None,
        span=(number.start(), end),
    )


def _sentence(text: str, at: int) -> str:
    """The sentence around a place; a point between two digits ends none."""
    ends = [m.start() for m in re.finditer(r"[.!?](?!\d)", text)]
    start = max((end for end in ends if end < at), default=0)
    return text[start : min((end for end in ends if end >= at), default=len(text))]

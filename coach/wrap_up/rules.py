"""What a reflection must keep to, as predicates over the facts and the reply. Pure."""

import re
from collections.abc import Iterator

from coach.replies import Reflection
from coach.rules import MARKUP
from coach.wrap_up.facts import Facts

# A figure, with or without separators of thousands, and with or without decimals.
FIGURE = re.compile(r"\d{1,3}(?:[,\u2009\u202f\u00a0]\d{3})+(?!\d)|\d+(?:\.\d+)?")
BIG_WORD = re.compile(
    r"\b(?:eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty"
    r"|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?)\b",
    re.IGNORECASE,
)
MEDICAL = re.compile(
    r"\b(?:diagnos|disease|disorder|syndrome|symptom|infect|inflamm|tendin|arrhythm|an(?:ae|e)mi"
    r"|overtrain|patholog|medic(?:al|at|in)|prescri|dosage|painkill|supplement|doctor|surgery"
    r"|weight loss|los(?:e|ing) weight|calori)",
    re.IGNORECASE,
)
TO_THE_RIDER = re.compile(r"\byou(?:r|rs|rself)?\b", re.IGNORECASE)


def problems_in(facts: Facts, mission_name: str, reply: Reflection) -> list[str]:
    """Every fault, told as the model has to mend it; an empty list when nothing is wrong."""
    return [
        *_miscounted(facts, reply),
        *_impossible_turning_points(facts, reply),
        *_invented_figures(facts, mission_name, reply),
        *_wrong_words(reply),
    ]


def texts_of(reply: Reflection) -> list[str]:
    told = [point.what for point in reply.turning_points]
    return [reply.headline, reply.story, *told, *reply.learnt, reply.next_time]


def _miscounted(facts: Facts, reply: Reflection) -> Iterator[str]:
    for name in ("points_total", "stages_completed", "stages_missed"):
        true = getattr(facts, name)
        if getattr(reply, name) != true:
            yield f"{name} must be {true}."


def _impossible_turning_points(facts: Facts, reply: Reflection) -> Iterator[str]:
    settled = {stage.number for stage in facts.stages if stage.outcome != "open"}
    numbers = [point.stage_number for point in reply.turning_points]
    if wrong := sorted(set(numbers) - settled):
        yield (
            f"turning_points name {_listed(wrong)}: take only stages that were ridden or missed."
        )
    if len(set(numbers)) < len(numbers):
        yield "turning_points name a stage twice."


def _invented_figures(facts: Facts, mission_name: str, reply: Reflection) -> Iterator[str]:
    """A figure in a text must stand in the facts or in the mission's name.

    Words up to ten may count anything ("your two hardest days"); larger ones are asked for in
    figures, so that they can be compared.
    """
    known = {*_figures(mission_name), *_known_figures(facts.for_model())}
    for text in texts_of(reply):
        invented = [figure for figure in FIGURE.findall(text) if _value(figure) not in known]
        if invented:
            yield f"{', '.join(dict.fromkeys(invented))} is not among the facts."
        if word := BIG_WORD.search(text):
            yield f"write “{word[0]}” in figures, as it stands in the facts, or leave it out."


def _known_figures(value: object) -> Iterator[float]:
    """Every figure of the facts: of their numbers, their dates and their words."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _known_figures(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _known_figures(inner)
    elif value is not None:
        yield from _figures(str(value))


def _figures(text: str) -> list[float]:
    return [_value(figure) for figure in FIGURE.findall(text)]


def _value(figure: str) -> float:
    return float(re.sub(r"[,\u2009\u202f\u00a0]", "", figure))


def _wrong_words(reply: Reflection) -> Iterator[str]:
    texts = texts_of(reply)
    if not all(text.strip() for text in texts):
        yield "no text may be empty."
    told = "\n".join(texts)
    if marks := [mark for mark in MARKUP if mark in told.lower()]:
        yield f"texts must be plain, without {', '.join(marks)}."
    if found := MEDICAL.search(told):
        yield f"no medical words such as “{found[0].lower()}”: you never diagnose or treat."
    if not TO_THE_RIDER.search(reply.story):
        yield "the story must speak to the rider as “you”."


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))

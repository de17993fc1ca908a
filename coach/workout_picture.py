"""The workout's picture for a mail, the page's drawing as a PNG, and what it shows in words."""

from collections.abc import Iterator

import resvg_py
from django.template.loader import render_to_string

from coach import workouts
from coach.replies import Repeat, Step, WorkoutPlan

WIDTH, HEIGHT = 552, 160
# For screens that have two points where a mail counts one.
ZOOM = 2
# The page's own scale in light. A mail may lie on paper or on black: what is too dark for black
# has an edge there, of the colour that paper swallows.
ZONE_COLOURS = {
    "z1": "#8b9299",
    "z2": "#4f8fd6",
    "z3": "#3479b3",
    "z4": "#b0530a",
    "z5": "#ad1d1b",
    "z6": "#7a0f2b",
    "z7": "#37081c",
}
EDGE = "#fffdf8"
# Three to one against both.
LINE = "#8a8376"
STYLES = (
    *(f".{zone} {{ fill: {colour} }}" for zone, colour in ZONE_COLOURS.items()),
    f"polygon {{ stroke: {EDGE}; stroke-width: 1 }}",
    f".ground {{ stroke: {LINE}; stroke-width: 2 }}",
    f".ftp {{ stroke: {LINE}; stroke-width: 1.5; stroke-dasharray: 4 4 }}",
)


def png(plan: WorkoutPlan) -> bytes:
    """The same bytes for the same plan; it has no letters, so that no fonts are needed."""
    drawn = {"bars": workouts.bars(plan), "ftp_y": workouts.FTP_LINE}
    svg = render_to_string("coach/workout.svg", {**drawn, "width": WIDTH, "height": HEIGHT})
    made: bytes = resvg_py.svg_to_bytes(
        svg_string=svg, style_sheet="\n".join(STYLES), zoom=ZOOM, skip_system_fonts=True
    )
    return made


def words(plan: WorkoutPlan) -> str:
    """“10 min Z1, 3 times 8 min Z4 and 4 min Z1, 10 min Z1”."""
    if not plan.steps:
        return ", ".join(
            f"{minutes} min {zone}" for zone, _, minutes in workouts.zone_minutes(plan)
        )
    return ", ".join(_parts(plan))


def _parts(plan: WorkoutPlan) -> Iterator[str]:
    for item in plan.steps:
        if isinstance(item, Repeat):
            yield f"{item.count} times " + " and ".join(map(_ridden, item.steps))
        else:
            yield _ridden(item)


def _ridden(step: Step) -> str:
    how = workouts.zone_of(step) if step.target else workouts.KIND_WORDS["free"]
    return f"{workouts.duration(step)} {how}"

"""What was said in the morning, as the tester reads it: "tired; knee, pain 5 of 10"."""

from collections.abc import Iterator, Sequence

from coach.models import CheckIn
from coach.situation import Health

ILL = {
    "none": "not ill",
    "above_neck": "a cold",
    "below_neck": "ill below the neck",
    "fever": "fever",
}
SORE = {0: "not sore", 1: "a little sore", 2: "very sore"}


def of_health(health: Health) -> list[str]:
    """As the coach was told."""
    return list(
        _of_the_body(health.feel, health.soreness, health.illness, health.injury, health.red_flags)
    )


def of_check_in(check_in: CheckIn) -> list[str]:
    """All that was said, the note as it was written."""
    body = _of_the_body(
        check_in.feel,
        check_in.soreness,
        check_in.illness,
        check_in.injury,
        check_in.red_flags,
    )
    return [*body, *_of_the_day(check_in)]


def _of_the_body(
    feel: int | None,
    soreness: int | None,
    illness: str | None,
    injury: str | None,
    red_flags: Sequence[str],
) -> Iterator[str]:
    if feel is not None:
        yield str(CheckIn.Feel(feel).label) if feel in CheckIn.Feel else f"feel {feel} of 5"
    if soreness is not None:
        yield SORE.get(soreness, f"soreness {soreness} of 2")
    if illness:
        yield ILL.get(illness, illness.replace("_", " "))
    if injury:
        yield injury
    yield from red_flags


def _of_the_day(check_in: CheckIn) -> Iterator[str]:
    if check_in.minutes_today == 0:
        yield "no time to ride today"
    elif check_in.minutes_today is not None:
        yield f"{check_in.minutes_today} min to ride today"
    if check_in.note:
        yield f"“{check_in.note}”"

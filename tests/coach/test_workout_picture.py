import re
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from coach import workout_picture, workouts
from coach.replies import WorkoutPlan
from tests import mails
from tests.coach.samples import decision

Pixel = tuple[int, int, int, int]
SCALE = workout_picture.ZOOM * workout_picture.WIDTH / workouts.WIDTH
HEIGHT = workout_picture.ZOOM * workout_picture.HEIGHT
NOTHING: Pixel = (0, 0, 0, 0)
LINE: Pixel = (0x8A, 0x83, 0x76, 255)


def plan(*steps: dict[str, Any], **changes: Any) -> WorkoutPlan:
    made = decision({"workout_plan.steps": list(steps), **changes}).workout_plan
    assert made is not None
    return made


def steady(seconds: int, pct: float) -> dict[str, Any]:
    return mails.step("steady", seconds, pct, pct)


EVERY_ZONE = plan(*(steady(600, pct) for pct in (40, 65, 82, 97, 112, 125, 170)))


def decoded(png: bytes) -> list[list[Pixel]]:
    """The rows of a PNG of eight bits a channel, by its specification."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += 12 + length
    width, height, *kind = struct.unpack(">IIBBBBB", dict(chunks)[b"IHDR"])
    assert kind == [8, 6, 0, 0, 0]
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    rows, above = [], bytearray(4 * width)
    for y in range(height):
        start = y * (4 * width + 1)
        above = _unfiltered(raw[start], raw[start + 1 : start + 1 + 4 * width], above)
        rows.append([pixel_at(above, x) for x in range(width)])
    return rows


def pixel_at(row: bytearray, x: int) -> Pixel:
    red, green, blue, alpha = row[4 * x : 4 * x + 4]
    return red, green, blue, alpha


def _unfiltered(kind: int, line: bytes, above: bytearray) -> bytearray:
    row = bytearray(line)
    for i in range(len(row)):
        left = row[i - 4] if i >= 4 else 0
        corner = above[i - 4] if i >= 4 else 0
        guess = (0, left, above[i], (left + above[i]) // 2, _paeth(left, above[i], corner))[kind]
        row[i] = (row[i] + guess) % 256
    return row


def _paeth(left: int, above: int, corner: int) -> int:
    estimate = left + above - corner
    return min((left, above, corner), key=lambda value: abs(estimate - value))


def colour(words: str) -> Pixel:
    red, green, blue = bytes.fromhex(words.removeprefix("#"))
    return red, green, blue, 255


def test_picture_is_twice_as_fine_as_it_is_shown() -> None:
    rows = decoded(workout_picture.png(EVERY_ZONE))

    assert (len(rows[0]), len(rows)) == (1104, 320)


def test_bars_have_the_colours_and_the_heights_of_the_plan() -> None:
    rows = decoded(workout_picture.png(EVERY_ZONE))

    bars = workouts.bars(EVERY_ZONE)
    assert [bar.zone for bar in bars] == ["Z1", "Z2", "Z3", "Z4", "Z5", "Z6", "Z7"]
    for bar in bars:
        x = round((bar.x + bar.width / 2) * SCALE)
        fill = colour(workout_picture.ZONE_COLOURS[bar.zone.lower()])
        filled = [y for y, row in enumerate(rows) if row[x] == fill]
        # An edge of a point and a half goes off its top, and the ground off its foot.
        assert abs(min(filled) - HEIGHT * (1 - bar.left / 100)) <= 3
        assert max(filled) >= HEIGHT - 4


def test_nothing_is_painted_where_nothing_is_ridden() -> None:
    rows = decoded(workout_picture.png(plan(steady(600, 60), steady(600, 60))))

    assert {pixel for row in rows[:70] for pixel in row} == {NOTHING}


def test_dashed_line_lies_at_ftp() -> None:
    rows = decoded(workout_picture.png(plan(steady(600, 60))))

    y = round(HEIGHT * workouts.FTP_LINE / 100)
    dashes = rows[y].count(LINE)
    assert 0.4 * len(rows[y]) < dashes < 0.6 * len(rows[y])


def test_ramp_climbs_from_its_start_to_its_end() -> None:
    rows = decoded(workout_picture.png(plan(mails.step("ramp", 600, 40.0, 90.0))))

    tops = [
        min(y for y, row in enumerate(rows) if y > HEIGHT * 0.25 and row[x] != NOTHING)
        for x in (20, 1080)
    ]
    assert tops[0] - tops[1] > HEIGHT * 0.3


def test_same_plan_has_the_same_bytes() -> None:
    assert workout_picture.png(EVERY_ZONE) == workout_picture.png(EVERY_ZONE)


def test_longest_workout_is_a_small_file() -> None:
    longest = plan(
        *[{"kind": "repeat", "count": 12, "steps": [steady(60, 110), steady(60, 50)]}] * 10
    )

    assert len(workout_picture.png(longest)) < 30_000


@pytest.mark.parametrize("sheet", ["static/app.css", "templates/email/base.html"])
def test_colours_are_those_of_the_page_and_of_the_mail(sheet: str) -> None:
    text = Path(settings.BASE_DIR / sheet).read_text()
    first: dict[str, str] = {}
    for zone, value in re.findall(r"(z[1-7])(?: \{ background)?: (#[0-9a-f]{6})", text):
        first.setdefault(zone, value)

    assert first == workout_picture.ZONE_COLOURS


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([steady(600, 50)], "10 min Z1"),
        (
            [
                steady(600, 50),
                {"kind": "repeat", "count": 3, "steps": [steady(480, 97), steady(45, 50)]},
            ],
            "10 min Z1, 3 times 8 min Z4 and 45 s Z1",
        ),
        (
            [{"kind": "free", "seconds": 1230, "target": None, "cadence": None, "cue": ""}],
            "20:30 min as you like",
        ),
        ([], "20 min Z1, 40 min Z2"),
    ],
)
def test_words_tell_what_the_picture_shows(steps: list[dict[str, Any]], words: str) -> None:
    assert workout_picture.words(plan(*steps)) == words

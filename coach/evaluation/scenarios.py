"""Scenario files: a situation, what is expected of the decision on it, and why it is a trap."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coach.replies import Action, RideMode
from coach.situation import Situation

# A situation that was written by hand was never drawn up; the model is not told when.
DRAWN_UP_AT = datetime(2000, 1, 1, tzinfo=UTC)
MOST_PROBLEMS = 12
WHAT_TO_DO = "Mend the file and try again. docs/coach.md says what a scenario file holds."


class BadFile(Exception):
    """A file that cannot be used; the message says where it is wrong and what to do."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Expected(Part):
    """The assertions of a scenario; one that is not there asks for nothing."""

    actions: list[Action] | None = None
    modes: list[RideMode | None] | None = None
    max_duration: int | None = None
    min_duration: int | None = None
    max_hard_minutes: int | None = None
    min_hard_minutes: int | None = None
    max_z3plus: int | None = None
    max_load: float | None = None
    confidence_max: float | None = None
    missing_includes: list[str] | None = None
    needs_medical_referral: bool | None = None
    expected_points: int | None = None
    points_consistent: bool | None = None
    bonus_exactly_subset_of: list[str] | None = None
    must_match: list[str] | None = None
    must_not_match: list[str] | None = None

    def asked(self) -> dict[str, Any]:
        """Those that the file names, also where it names null."""
        return self.model_dump(exclude_unset=True)


class Scenario(Part):
    id: Annotated[str, Field(min_length=1, max_length=40)]
    category: str = ""
    title: str = ""
    why: str = ""
    rules_exercised: list[str] = []
    context: dict[str, Any]
    expect: Expected
    judge: list[str] = []

    def situation(self) -> Situation:
        return Situation.model_validate({"drawn_up_at": DRAWN_UP_AT, **self.context})


class ScenarioFile(BaseModel):
    # What a file says about itself beside its scenarios is for people.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: Literal[1]
    scenarios: Annotated[list[Scenario], Field(min_length=1)]


def read(path: Path, only: Sequence[str] = ()) -> list[Scenario]:
    """The scenarios of a file, or those with these ids; raises BadFile."""
    whole = _parsed(path)
    if problems := list(_problems(whole)):
        raise BadFile(_told(path, problems))
    known = {scenario.id: scenario for scenario in whole.scenarios}
    if strange := [name for name in only if name not in known]:
        raise BadFile(
            f"{path} has no scenario {', '.join(strange)}. It has {', '.join(known)}: "
            "name some of these after --only."
        )
    return [scenario for scenario in whole.scenarios if not only or scenario.id in only]


def _parsed(path: Path) -> ScenarioFile:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(
            f"{path} cannot be read ({type(error).__name__}). Give --scenarios a JSON file."
        ) from error
    try:
        return ScenarioFile.model_validate(json.loads(text))
    except ValidationError as error:
        raise BadFile(_told(path, [*_where("", error)])) from error
    except ValueError as error:
        raise BadFile(_told(path, [f"It is not JSON: {error}."])) from error


def _problems(whole: ScenarioFile) -> Iterator[str]:
    times = Counter(scenario.id for scenario in whole.scenarios)
    yield from (f"{name}: the id stands there {n} times." for name, n in times.items() if n > 1)
    for scenario in whole.scenarios:
        try:
            scenario.situation()
        except ValidationError as error:
            yield from _where(f"{scenario.id}: context.", error)
        yield from _bad_patterns(scenario)


def _bad_patterns(scenario: Scenario) -> Iterator[str]:
    expect = scenario.expect
    for pattern in (*(expect.must_match or ()), *(expect.must_not_match or ())):
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{scenario.id}: expect: {pattern!r} is no regular expression ({error})."


def _where(prefix: str, error: ValidationError) -> Iterator[str]:
    for one in error.errors(include_url=False, include_input=False, include_context=False):
        place = ".".join(str(part) for part in one["loc"]) or "the file"
        yield f"{prefix}{place}: {one['msg']}."


def _told(path: Path, problems: Sequence[str]) -> str:
    more = len(problems) - MOST_PROBLEMS
    rest = [f"and {more} more."] if more > 0 else []
    return "\n".join(
        [f"{path} cannot be used:", *problems[:MOST_PROBLEMS], *rest, WHAT_TO_DO],
    )

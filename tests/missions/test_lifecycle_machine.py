"""Missions lived through at random: whatever people and time do, each is where its dates say.

What is expected is kept beside the rows and reckoned here from the days and the zones' offsets,
which are written down from the law and not asked of the code's own time zone rules.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.models import User
from missions import editing, lifecycle, tasks, undo
from missions.models import Mission
from tests import factories

PREP, TRAINING, EVENT, COMPLETE = "PREP", "TRAINING", "EVENT_ACTIVE", "MISSION_COMPLETE"
LIVE = {TRAINING, EVENT}
MOST_MISSIONS = 4


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


class Summer(NamedTuple):
    """When the clocks are forward, in UTC, and by how much."""

    begins: datetime
    ends: datetime
    ahead: timedelta = timedelta(hours=1)


# Hours ahead of UTC, with the changes of 2026. Lord Howe counts from its summer,
# which spans New Year: the pair says when its winter is, half an hour behind.
OFFSETS: dict[str, tuple[float, Summer | None]] = {
    "Pacific/Kiritimati": (14, None),
    "Pacific/Pago_Pago": (-11, None),
    "Asia/Kolkata": (5.5, None),
    "Asia/Kathmandu": (5.75, None),
    "Europe/Paris": (1, Summer(utc(2026, 3, 29, 1), utc(2026, 10, 25, 1))),
    "America/New_York": (-5, Summer(utc(2026, 3, 8, 7), utc(2026, 11, 1, 6))),
    "Australia/Lord_Howe": (
        11,
        Summer(utc(2026, 4, 4, 15), utc(2026, 10, 3, 15, 30), timedelta(minutes=-30)),
    ),
}
BEGINNINGS = [
    *(utc(2026, 3, 6, 5), utc(2026, 3, 27, 23), utc(2026, 4, 3, 12), utc(2026, 7, 4, 5, 30)),
    *(utc(2026, 10, 1, 9), utc(2026, 10, 23, 22, 30), utc(2026, 10, 30, 10)),
]


def local_date(zone: str, now: datetime) -> date:
    hours, summer = OFFSETS[zone]
    ahead = timedelta(hours=hours)
    if summer is not None and summer.begins <= now < summer.ends:
        ahead += summer.ahead
    return (now + ahead).date()


@dataclass(frozen=True)
class Days:
    zone: str
    start: date
    end: date

    def have_begun(self, now: datetime) -> bool:
        return self.start <= local_date(self.zone, now)

    def are_over(self, now: datetime) -> bool:
        return self.end < local_date(self.zone, now)


class Edit(NamedTuple):
    """A change that was made in a live state."""

    before: Days
    after: Days
    state: str


@dataclass
class Life:
    """What a mission must be."""

    pk: UUID
    owner: User
    days: Days
    state: str = PREP
    path: list[tuple[str, str, str | None]] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)

    def move(self, to: str, by: User | None) -> None:
        self.path.append((self.state, to, by.email if by else None))
        self.state = to

    def pass_time(self, now: datetime) -> None:
        if self.state == TRAINING and self.days.start <= local_date(self.days.zone, now):
            self.move(EVENT, None)
        if self.state == EVENT and self.days.are_over(now):
            self.move(COMPLETE, None)

    def can_undo(self, now: datetime) -> bool:
        if self.state not in LIVE or not self.edits:
            return False
        last = self.edits[-1]
        same = last.after == self.days and last.state == self.state
        begins = self.state == TRAINING and last.before.have_begun(now)
        return same and not begins and not last.before.are_over(now)


whose = st.integers(0, MOST_MISSIONS - 1)
people = st.sampled_from(["first", "second", "operator"])
zones = st.sampled_from(list(OFFSETS))


class Lives(RuleBasedStateMachine):
    def __init__(self, people: dict[str, User]) -> None:
        super().__init__()
        self.people, self.lives = people, list[Life]()
        self.now = BEGINNINGS[0]
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize(
        begins=st.sampled_from(BEGINNINGS),
        plans=st.tuples(*[st.tuples(zones, st.integers(-2, 6), st.integers(1, 5))] * 2),
    )
    def begin(self, begins: datetime, plans: tuple[tuple[str, int, int], ...]) -> None:
        """Two testers have a mission and want to start it."""
        self.now = begins
        for owner, plan in zip(["first", "operator"], plans, strict=True):
            self.make(owner, *plan)
            self.ask_for_a_move(len(self.lives) - 1, owner, TRAINING)

    def at_now(self) -> AbstractContextManager[object]:
        return time_machine.travel(self.now, tick=False)

    def one(self, number: int) -> Life:
        return self.lives[number % len(self.lives)]

    def looked_at(self, life: Life) -> Mission:
        """As every page and every call does before anything else."""
        mission = Mission.objects.select_related("owner").get(pk=life.pk)
        lifecycle.keep_time(mission, now=self.now)
        life.pass_time(self.now)
        return mission

    # --- what people do ------------------------------------------------------------------------

    @precondition(lambda self: len(self.lives) < MOST_MISSIONS)
    @rule(owner=people, zone=zones, ahead=st.integers(-3, 8), length=st.integers(1, 5))
    def make(self, owner: str, zone: str, ahead: int, length: int) -> None:
        start = local_date(zone, self.now) + timedelta(days=ahead)
        days = Days(zone, start, start + timedelta(days=length - 1))
        mission = factories.mission(
            self.people[owner],
            state=PREP,
            timezone=zone,
            prep_start=start - timedelta(days=60),
            event_start=start,
            event_end=days.end,
        )
        self.lives.append(Life(mission.pk, self.people[owner], days))

    @precondition(lambda self: self.lives)
    @rule(
        number=whose,
        who=st.none() | people,
        to=st.sampled_from([TRAINING, PREP, EVENT, COMPLETE]),
    )
    def ask_for_a_move(self, number: int, who: str | None, to: str) -> None:
        """Anybody asks for anything; nobody (None) pretends to be the calendar."""
        life, person = self.one(number), self.people[who] if who else None
        is_start = (life.state, to) == (PREP, TRAINING) and person == life.owner
        if is_start and not life.days.are_over(self.now):
            self.look_at_all_of(life.owner)  # one that is over stands in nobody's way
        others = [one for one in self.lives if one.owner == life.owner and one.state in LIVE]
        today = local_date(life.days.zone, self.now)
        is_expected = {
            (PREP, TRAINING): person == life.owner and life.days.end >= today and not others,
            (TRAINING, PREP): person is not None and person.is_staff,
            (TRAINING, EVENT): person is None and life.days.start <= today,
            (EVENT, COMPLETE): person is None and life.days.end < today,
        }
        self.try_move(life, to, person, is_expected=is_expected.get((life.state, to), False))
        if is_start and not life.days.are_over(self.now):
            self.look_at_all_of(life.owner)  # whoever starts it once more has looked

    def look_at_all_of(self, owner: User) -> None:
        for life in self.lives:
            if life.owner == owner:
                life.pass_time(self.now)

    def try_move(self, life: Life, to: str, by: User | None, *, is_expected: bool) -> None:
        """Twice: once it may be made, never again."""
        stale = Mission.objects.get(pk=life.pk)
        for mission in (Mission.objects.get(pk=life.pk), stale):
            try:
                lifecycle.advance(
                    mission, to=Mission.State(to), now=self.now, by=by, reason="Because."
                )
            except lifecycle.IllegalTransition:
                assert not is_expected
            else:
                assert is_expected
                life.move(to, by)
            is_expected = False

    @precondition(lambda self: self.lives)
    @rule(
        number=whose,
        zone=st.none() | zones,
        later=st.sampled_from([0, 0, -3, -1, 1, 4]),
        longer=st.sampled_from([0, 0, -2, 1, 3]),
        is_regretted=st.booleans(),
    )
    def edit(
        self, number: int, zone: str | None, later: int, longer: int, is_regretted: bool
    ) -> None:
        self.change(self.one(number), zone, later, longer)
        if is_regretted:
            self.undo(number)
            self.undo(number)

    def change(self, life: Life, zone: str | None, later: int, longer: int) -> None:
        with self.at_now():
            mission = self.looked_at(life)
            days = Days(
                zone or life.days.zone,
                life.days.start + timedelta(days=later),
                life.days.end + timedelta(days=later + longer),
            )
            mission.timezone = days.zone
            mission.event_start, mission.event_end = days.start, days.end
            is_allowed = (
                life.state != COMPLETE
                and not (life.state == EVENT and days.start != life.days.start)
                and not (life.state == EVENT and days.start > local_date(days.zone, self.now))
                and days.start <= days.end
                and not days.are_over(self.now)
            )
            try:
                mission.full_clean()
                editing.keep(mission, self.now)
            except (ValidationError, editing.Locked):
                assert not is_allowed
                return
        assert is_allowed
        if life.state in LIVE and days != life.days:
            life.edits.append(Edit(life.days, days, life.state))
        life.days = days
        life.pass_time(self.now)

    @precondition(lambda self: self.lives)
    @rule(number=whose)
    def undo(self, number: int) -> None:
        life = self.one(number)
        with self.at_now():
            mission = self.looked_at(life)
            is_expected = life.can_undo(self.now)
            try:
                editing.take_back(mission, self.now)
            except undo.Refused:
                assert not is_expected
                return
        assert is_expected
        life.days = life.edits.pop().before
        life.pass_time(self.now)

    # --- what time does ------------------------------------------------------------------------

    @rule(
        hours=st.sampled_from([1, 7, 13, 25, 49, 100, 200]),
        then=st.sampled_from(["sweep", "look", ""]),
    )
    def wait(self, hours: int, then: str) -> None:
        """Then the sweep comes, twice, or somebody looks, or nobody has noticed yet."""
        self.now += timedelta(hours=hours)
        if then == "look":
            for life in self.lives[:2]:
                self.looked_at(life)
        elif then == "sweep":
            with self.at_now():
                tasks.sweep()
                tasks.sweep()
            for life in self.lives:
                life.pass_time(self.now)

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def everything_is_as_expected(self) -> None:
        rows = {row.pk: row for row in Mission.objects.prefetch_related("moves__by", "stages")}
        assert rows.keys() == {life.pk for life in self.lives}
        for life in self.lives:
            row = rows[life.pk]
            assert (row.state, row.next_run_at is not None) == (life.state, life.state in LIVE)
            assert Days(row.timezone, row.event_start, row.event_end) == life.days
            moves = [(m.from_state, m.to_state, m.by and m.by.email) for m in row.moves.all()]
            assert moves == life.path
            length = (life.days.end - life.days.start).days + 1
            assert [stage.date for stage in row.stages.all()] == [
                life.days.start + timedelta(days=number) for number in range(length)
            ]

    @invariant()
    def no_event_is_on_before_its_first_day(self) -> None:
        for life in self.lives:
            if life.state == EVENT:
                assert life.days.start <= local_date(life.days.zone, self.now)

    @invariant()
    def nobody_has_two_live_missions(self) -> None:
        owners = [life.owner.pk for life in self.lives if life.state in LIVE]
        assert len(owners) == len(set(owners))


@pytest.mark.django_db
def test_missions_are_always_where_their_dates_and_people_put_them() -> None:
    people = {
        "first": factories.tester("first@example.org"),
        "second": factories.tester("second@example.org"),
        "operator": factories.operator(),
    }

    run_state_machine_as_test(
        lambda: Lives(people),  # type: ignore[arg-type]  # what makes one will do
        settings=settings(
            max_examples=40,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
        ),
    )

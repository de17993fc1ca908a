"""A drafted mission as a form that its tester changes, and the form as a proposal again."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django import forms

from accounts import formats
from coach.builder import bonuses
from coach.builder.answers import event_name
from coach.builder.forms import NOT_A_CHOICE, UNSEEN
from coach.models import MissionDraft
from missions import limits
from missions.availability import is_date
from missions.fields import TARGET_LABELS
from missions.forms import VersionField
from missions.models import Mission, StageType
from missions.points import PRICED_MODES, STAGE_TYPES
from missions.price_list import COUNTED, kind_of

Proposal = dict[str, Any]
Problems = dict[str, str]

CHANGED_MEANWHILE = (
    "This draft was changed meanwhile, perhaps in another window. Nothing was saved. What you "
    "typed is below, with what is stored now beside it. Save again to keep yours."
)
OF_THE_EVENT = ("event_start", "event_end", "mission_type")
OUTDATED = "Your answers have changed since. Have it drafted again."
OF_THE_SURVEY = "Change your answers first, then have it drafted again. "
WHOLE = {"invalid": "Give a whole number."}
IN_OUR_WORDS = {
    "Input should be": "Make it",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "String should have at most": "Say it in at most",
}
# "such as 2026-08-15" says how to write one, and stays.
ISO_DATE = re.compile(r"(?<!such as )\b\d{4}-\d\d-\d\d\b")
LIMIT_GROUPS = {
    "When to ride easy": ("min_readiness", "min_tsb", "max_rhr"),
    "When to rest": ("force_rest_readiness", "force_rest_tsb"),
    "At most": (
        "max_hard_sessions_per_week",
        "max_consecutive_hard_days",
        "max_ramp_rate",
        "max_zone",
    ),
}
LIMIT_LABELS = {
    "min_readiness": "Easy with readiness below",
    "min_tsb": "Easy with form (TSB) below",
    "max_rhr": "Easy with a resting heart rate above (bpm)",
    "force_rest_readiness": "Rest with readiness below",
    "force_rest_tsb": "Rest with form (TSB) below",
    "max_ramp_rate": "Fitness (CTL) gained a week",
    "max_consecutive_hard_days": "Hard days in a row",
    "max_hard_sessions_per_week": "Hard sessions a week",
    "max_zone": "Power zone, 1 to 7",
}


def whole_number(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        error_messages=WHOLE,
    )


class NotesField(forms.CharField):
    """Lines end here as they do in the draft, whatever a browser makes of them."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")


class ReviewForm(forms.Form):
    """What is in range, and what agrees with what, is for `draft_rules` to say."""

    use_required_attribute = False

    updated_at = VersionField(required=False)
    name = forms.CharField(
        label="Name",
        required=False,
        widget=forms.TextInput(attrs={"maxlength": 80}),
        error_messages=UNSEEN,
    )
    prep_start = forms.DateField(
        label="Preparation from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the date as year-month-day, such as 2026-08-15."},
    )
    notes = NotesField(
        label="Notes",
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "maxlength": 2_000}),
        help_text="They stay with the mission.",
        error_messages=UNSEEN,
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, draft: MissionDraft) -> None:
        self.proposal: Proposal = draft.proposal or {}
        self.survey = draft.survey
        self.drafted_name = (draft.drafted or self.proposal).get("name")
        initial = {**self._shown(), "updated_at": draft.updated_at}
        super().__init__(data, initial=initial)
        for limit in Mission.LIMITS:
            self.fields[limit] = whole_number(LIMIT_LABELS[limit])
        for target in limits.TARGETS:
            self.fields[f"target_{target}"] = whole_number(TARGET_LABELS[target])
        self._add_stages()
        self._add_prices()
        self._add_bonuses()

    def _shown(self) -> dict[str, Any]:
        """The proposal by the names of the fields."""
        prices = self.proposal["points_schema"]
        return {
            **{name: self.proposal[name] for name in ("name", "notes")},
            **{f"target_{name}": one for name, one in self.proposal["targets"].items()},
            "prep_start": date.fromisoformat(self.proposal["prep_start"]),
            **self.proposal["constraints"],
            **{f"type_{i}": day["stage_type"] for i, day in enumerate(self.proposal["stages"])},
            **{f"rest_{i}": day["is_rest_day"] for i, day in enumerate(self.proposal["stages"])},
            **{
                f"{kind}_{mode}": (prices[kind] or {}).get(mode)
                for kind in STAGE_TYPES
                for mode in PRICED_MODES
            },
            **{f"threshold_{i}": one["threshold"] for i, one in enumerate(self._bonuses())},
            **{f"points_{i}": one["points"] for i, one in enumerate(self._bonuses())},
        }

    def _bonuses(self) -> list[bonuses.Bonus]:
        return bonuses.offered(self.proposal["points_schema"]["bonuses"])

    def _add_stages(self) -> None:
        for index, day in enumerate(self.proposal["stages"]):
            self.fields[f"type_{index}"] = forms.ChoiceField(
                label=f"Stage {day['number']}",
                choices=StageType.choices,
                error_messages={**NOT_A_CHOICE, "required": NOT_A_CHOICE["invalid_choice"]},
            )
            self.fields[f"rest_{index}"] = forms.BooleanField(label="rest day", required=False)

    def _add_prices(self) -> None:
        for kind in STAGE_TYPES:
            for mode in PRICED_MODES:
                self.fields[f"{kind}_{mode}"] = whole_number(
                    f"{StageType(kind).label.capitalize()}, {mode}"
                )

    def _add_bonuses(self) -> None:
        for index, bonus in enumerate(self._bonuses()):
            title = bonuses.title_of(bonus["name"])
            if kind_of(bonus["name"]) in COUNTED:
                self.fields[f"threshold_{index}"] = whole_number(f"{title}: how many")
            self.fields[f"points_{index}"] = whole_number(f"{title}: points")

    # --- what the page shows, in its order ---

    def is_outdated(self) -> bool:
        """The answers name another event than the one that was drafted."""
        return any(self.proposal[name] != self.survey.get(name) for name in OF_THE_EVENT)

    def is_at_fault(self) -> bool:
        """Whether there is a field to look at again."""
        return any(field.errors for field in self.visible_fields())

    def name_in_answers(self) -> str:
        """What the answers call the event since the tester gave the draft a name of its own."""
        name = event_name(self.survey)
        is_own = self.proposal["name"] not in (name, self.drafted_name)
        return name if is_own and name != self.drafted_name else ""

    def kind(self) -> str:
        return Mission.Type(self.proposal["mission_type"]).label.capitalize()

    def event(self) -> dict[str, date]:
        return {
            name: date.fromisoformat(self.proposal[name]) for name in ("event_start", "event_end")
        }

    def stage_rows(self) -> Iterator[dict[str, Any]]:
        for index, day in enumerate(self.proposal["stages"]):
            yield {
                "number": day["number"],
                "date": date.fromisoformat(day["date"]),
                "type": self[f"type_{index}"],
                "rest": self[f"rest_{index}"],
            }

    def price_rows(self) -> Iterator[dict[str, Any]]:
        for kind in STAGE_TYPES:
            yield {
                "title": StageType(kind).label.capitalize(),
                "fields": [self[f"{kind}_{mode}"] for mode in PRICED_MODES],
            }

    def bonus_rows(self) -> Iterator[dict[str, Any]]:
        for index, bonus in enumerate(self._bonuses()):
            is_counted = kind_of(bonus["name"]) in COUNTED
            yield {
                "title": bonuses.title_of(bonus["name"]),
                "threshold": self[f"threshold_{index}"] if is_counted else None,
                "points": self[f"points_{index}"],
            }

    def limit_groups(self) -> Iterator[dict[str, Any]]:
        for title, names in LIMIT_GROUPS.items():
            yield {"title": title, "fields": [self[name] for name in names]}

    def targets(self) -> list[forms.BoundField]:
        return [self[f"target_{name}"] for name in limits.TARGETS]

    # --- from what was typed to a proposal, and from a proposal's problems to the fields ---

    def as_proposal(self) -> Proposal:
        typed = self.cleaned_data
        stages = [
            day | {"stage_type": typed[f"type_{i}"], "is_rest_day": typed[f"rest_{i}"]}
            for i, day in enumerate(self.proposal["stages"])
        ]
        prep_start = typed["prep_start"]
        return self.proposal | {
            "name": typed["name"],
            "prep_start": prep_start.isoformat() if prep_start else None,
            "notes": typed["notes"],
            "stages": stages,
            "constraints": {name: typed[name] for name in Mission.LIMITS},
            "targets": {name: typed[f"target_{name}"] for name in limits.TARGETS},
            "points_schema": {
                **{kind: self._price(kind) for kind in STAGE_TYPES},
                "bonuses": [bonus for _, bonus in self._chosen(stages)],
            },
        }

    def _price(self, kind: str) -> dict[str, Any] | None:
        prices = {mode: self.cleaned_data[f"{kind}_{mode}"] for mode in PRICED_MODES}
        return None if all(one is None for one in prices.values()) else prices

    def _chosen(self, days: list[bonuses.Day]) -> Iterator[tuple[int, bonuses.Bonus]]:
        """The bonuses that have points, each with its row in the form."""
        typed = self.cleaned_data
        for row, bonus in enumerate(self._bonuses()):
            points = typed.get(f"points_{row}")
            if points is not None:
                yield row, bonuses.chosen(bonus, typed.get(f"threshold_{row}"), points, days)

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Each problem at the field its path means; what has none is said on top."""
        if not problems.keys().isdisjoint(OF_THE_EVENT):
            self.refuse_as_outdated()
            return
        # All of them first: an error added takes the value away that tells the bonuses' rows.
        fields = {path: self._field_at(path) for path in problems}
        for path, words in problems.items():
            told = in_our_words(words)
            is_of_survey = path.startswith("survey.")
            self.add_error(fields[path], f"{OF_THE_SURVEY}{told}" if is_of_survey else told)

    def refuse_as_outdated(self) -> None:
        """Nothing else that is wrong with it matters: the whole of it is about another event."""
        self.errors.clear()
        self.add_error(None, OUTDATED)

    def _field_at(self, path: str) -> str | None:
        group, *rest = path.split(".")
        name: str | None = group
        if group == "constraints":
            name = rest[0] if rest else None
        elif group == "targets":
            name = f"target_{rest[0]}" if rest else None
        elif group == "stages":
            name = self._stage_field(rest)
        elif group == "points_schema":
            name = self._points_field(rest)
        return name if name in self.fields else None

    def _stage_field(self, rest: list[str]) -> str | None:
        if not rest:
            return "type_0"
        return f"rest_{rest[0]}" if rest[-1] == "is_rest_day" else f"type_{rest[0]}"

    def _points_field(self, rest: list[str]) -> str | None:
        if not rest:
            return None
        if rest[0] != "bonuses":
            return f"{rest[0]}_{rest[1] if len(rest) > 1 else PRICED_MODES[0]}"
        if len(rest) < 2:
            return "points_0"
        rows = [row for row, _ in self._chosen(self.proposal["stages"])]
        row = rows[int(rest[1])]
        field = f"threshold_{row}"
        return (
            field if rest[-1] in ("threshold", "name") and field in self.fields else f"points_{row}"
        )

    def show_what_changed(self, current: MissionDraft) -> None:
        self.add_error(None, CHANGED_MEANWHILE)
        now_stored = ReviewForm(draft=current)
        for name in self.fields.keys() & now_stored.fields.keys() - {"updated_at"}:
            stored = now_stored.initial.get(name)
            if self.fields[name].has_changed(stored, self[name].value()):
                self.add_error(name, f"Now stored: {now_stored.words_for(name)}")
        # Whoever saves again has seen the other change.
        typed = {name: self.data[name] for name in self.data}
        self.data = typed | {"updated_at": current.updated_at.isoformat()}

    def words_for(self, name: str) -> str:
        """A stored value as a person reads it."""
        value, field = self.initial.get(name), self.fields[name]
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]
        if isinstance(field, forms.BooleanField):
            return "yes" if value else "no"
        if isinstance(value, date):
            return formats.full_date(value)
        return "empty" if value is None else str(value)


def in_our_words(words: str) -> str:
    """What the schema says of an empty or odd field, as a person says it."""
    if words.startswith(("Input should be a valid", "String should have at least")):
        return "Fill this in."
    for theirs, ours in IN_OUR_WORDS.items():
        words = words.replace(theirs, ours)
    return ISO_DATE.sub(_as_people_read, words)


def _as_people_read(found: re.Match[str]) -> str:
    text = found[0]
    return formats.full_date(date.fromisoformat(text)) if is_date(text) else text

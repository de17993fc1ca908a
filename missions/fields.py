"""Form fields for a mission's values of several parts: week, blackout dates, targets, points."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import formats
from missions import availability, limits
from missions.points import MOST_POINTS, STAGE_TYPES, problems_in
from missions.price_list import BONUS_KINDS, BonusRow, PriceList, StageRow, Typed

TARGET_LABELS = {
    "ctl": "Fitness (CTL)",
    "long_ride_minutes": "Longest ride, minutes",
    "climb_minutes": "Climbing without a break, minutes",
    "threshold_minutes": "At threshold in one ride, minutes",
}


class Numbers(forms.MultiWidget):
    """Number inputs in a row, each below its own label; `name_0` and so on are what is sent."""

    use_fieldset = True

    def __init__(self, labels: Sequence[str], attrs: Mapping[str, Any]) -> None:
        self.labels = labels
        super().__init__([forms.NumberInput(attrs={**attrs}) for _ in labels])

    def places(self) -> Sequence[int]:
        """In which order the numbers are shown."""
        return range(len(self.labels))

    def words(self, values: Sequence[Any]) -> str:
        """The numbers as a sentence shows them, those that are not given left out."""
        pairs = [(self.labels[place], values[place]) for place in self.places()]
        told = [f"{label} {value}" for label, value in pairs if value is not None]
        return ", ".join(told) or "nothing"

    def decompress(self, value: Any) -> list[Any]:
        return value if isinstance(value, list) else [None] * len(self.labels)

    def id_for_label(self, id_: str) -> str:
        # Where a link to the field at fault leads; each number has its own label.
        return f"{id_}_{self.places()[0]}" if id_ else id_

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        context = self.get_context(name, value, attrs)
        inputs = context["widget"]["subwidgets"]
        parts = [
            format_html(
                '<span><label for="{}">{}</label>{}</span>',
                one["attrs"].get("id", ""),
                self.labels[place],
                self.widgets[place].render(one["name"], one["value"], one["attrs"], renderer),
            )
            for place, one in ((place, inputs[place]) for place in self.places())
        ]
        return format_html('<div class="numbers">{}</div>', SafeString("".join(parts)))


class Week(Numbers):
    """A number for each weekday, shown from the day on which the reader's week begins."""

    def places(self) -> Sequence[int]:
        return formats.weekdays()


class WeekField(forms.Field):
    """Minutes for each weekday, Monday first, as list[int]."""

    default_error_messages = {
        "required": "Give the minutes of each day of the week; 0 for a day without time."
    }

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", "Minutes on each day")
        options.setdefault("help_text", "The longest ride you have time for; 0 for no time.")
        attrs = {"min": 0, "max": availability.LONGEST_DAY, "inputmode": "numeric"}
        super().__init__(widget=Week(availability.WEEKDAYS, attrs), **options)

    def to_python(self, value: Any) -> list[Any]:
        """Whole numbers; what is none stays as it was typed, so that its day can be named."""
        return [] if _is_blank(value) else [_number(one) for one in value]

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value and (problems := availability.problems_in_week(value)):
            raise ValidationError(problems)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and self.to_python(data) != (initial or [])


class DatesField(forms.Field):
    """Dates as people list them, one a line or between commas, as sorted "2026-08-15" texts."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", "Days without riding")
        options.setdefault(
            "help_text", "Holidays, travel: one date a line or between commas, as 2026-08-15."
        )
        options.setdefault("required", False)
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        if isinstance(value, list):
            return sorted({str(one) for one in value})
        return sorted(set(re.findall(r"[^\s,;]+", value or "")))

    def validate(self, value: Any) -> None:
        super().validate(value)
        if problems := availability.problems_in_blackouts(value):
            raise ValidationError(problems)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and self.to_python(data) != self.to_python(initial)


class TargetsField(forms.Field):
    """What a mission aims at: optional whole numbers, as a dict without those left empty."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", "Targets")
        options.setdefault("help_text", "What to reach before the event; leave out what you like.")
        options.setdefault("required", False)
        labels = [TARGET_LABELS[name] for name in limits.TARGETS]
        super().__init__(widget=Numbers(labels, {"min": 1, "inputmode": "numeric"}), **options)

    def prepare_value(self, value: Any) -> Any:
        return [value.get(name) for name in limits.TARGETS] if isinstance(value, dict) else value

    def to_python(self, value: Any) -> dict[str, Any]:
        typed = value if isinstance(value, list) else []
        return {
            name: _number(one)
            for name, one in zip(limits.TARGETS, typed, strict=False)
            if not _is_blank(one)
        }

    def has_changed(self, initial: Any, data: Any) -> bool:
        return not self.disabled and self.to_python(data) != (initial or {})


class PriceTable(forms.Widget):
    """Two tables of number inputs: the kinds of stage in both modes, and the bonuses.

    `name_flat_gc` and `name_bonus_0_points` and so on are what is sent.
    """

    use_fieldset = True

    def words(self, value: PriceList) -> str:
        return value.words()

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> PriceList:
        stages = (
            StageRow(
                kind,
                gc=_typed(data, f"{name}_{kind}_gc"),
                breakaway=_typed(data, f"{name}_{kind}_breakaway"),
            )
            for kind in STAGE_TYPES
        )
        return PriceList(tuple(stages), tuple(self._bonuses(data, name)))

    def _bonuses(self, data: Mapping[str, Any], name: str) -> Iterator[BonusRow]:
        for row in (f"{name}_bonus_{number}" for number in count()):
            kind = data.get(f"{row}_kind")
            if kind not in BONUS_KINDS:
                return
            yield BonusRow(kind, _typed(data, f"{row}_threshold"), _typed(data, f"{row}_points"))

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_{STAGE_TYPES[0]}_gc" if id_ else id_

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        attrs, listed = attrs or {}, value.judged()
        context = {
            "name": name,
            "id": attrs.get("id", f"id_{name}"),
            "is_disabled": attrs.get("disabled", False),
            "most": MOST_POINTS,
            "list": listed,
            "bonuses": [(f"bonus_{number}", row) for number, row in enumerate(listed.bonuses)],
        }
        return render_to_string("missions/_points_inputs.html", context)


class PointsField(forms.Field):
    """What stages and bonuses bring, as a points schema."""

    ROW = "row"
    default_error_messages = {"required": "Give points for at least one kind of stage."}

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", "Points")
        options.setdefault("help_text", "What a stage of each kind earns. Empty: no such stage.")
        super().__init__(widget=PriceTable(), **options)

    def prepare_value(self, value: Any) -> PriceList:
        shown = _price_list(value)
        return shown if self.disabled else shown.with_offers()

    def clean(self, value: Any) -> dict[str, Any]:
        """A row at fault tells of itself in the table; `ROW` is the code of its error."""
        typed = _price_list(value)
        if problems := typed.problems():
            raise ValidationError([ValidationError(one, code=self.ROW) for one in problems])
        schema = typed.as_schema()
        if problems_in(schema):  # each row is right, and not one has a price
            raise ValidationError(self.error_messages["required"], code="required")
        return schema

    def has_changed(self, initial: Any, data: Any) -> bool:
        was, typed = _price_list(initial), _price_list(data)
        return not self.disabled and typed.as_schema() != was.as_schema()


def _price_list(value: Any) -> PriceList:
    """What was typed, or a points schema."""
    return value if isinstance(value, PriceList) else PriceList.of(value or {})


def _typed(data: Mapping[str, Any], name: str) -> Typed:
    typed = data.get(name)
    return None if _is_blank(typed) else _number(typed)


def _number(typed: Any) -> Any:
    # Bounded: int() takes no text of thousands of digits.
    text = str(typed).strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text) else typed


def _is_blank(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_blank(one) for one in value)
    return value is None or str(value).strip() == ""

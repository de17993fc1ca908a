"""The outside of an Apple Health export: its prolog, its sources, its dates and its elements."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal
from xml.sax.saxutils import quoteattr

Source = Literal["watch", "phone", "scale"]

# Apple writes a no-break space and a curly apostrophe, and a memory address that changes.
SOURCES: dict[Source, dict[str, str]] = {
    "watch": {
        "sourceName": "Robin\u2019s Apple\u00a0Watch",
        "sourceVersion": "11.6.1",
        "device": "<<HKDevice: 0x302a1c4b0>, name:Apple Watch, manufacturer:Apple Inc., "
        "model:Watch, hardware:Watch6,2, software:11.6.1>",
    },
    "phone": {
        "sourceName": "Robin\u2019s iPhone",
        "sourceVersion": "18.6",
        "device": "<<HKDevice: 0x302a1d7e0>, name:iPhone, manufacturer:Apple Inc., "
        "model:iPhone, hardware:iPhone15,2, software:18.6>",
    },
    "scale": {"sourceName": "Withings", "sourceVersion": "7.4"},
}

# element: (content model, required attributes, optional attributes)
DTD = {
    "ExportDate": ("EMPTY", "value", ""),
    "Me": (
        "EMPTY",
        (
            "HKCharacteristicTypeIdentifierDateOfBirth HKCharacteristicTypeIdentifierBiologicalSex "
            "HKCharacteristicTypeIdentifierBloodType "
            "HKCharacteristicTypeIdentifierFitzpatrickSkinType "
            "HKCharacteristicTypeIdentifierCardioFitnessMedicationsUse"
        ),
        "",
    ),
    "Record": (
        "((MetadataEntry|HeartRateVariabilityMetadataList)*)",
        "type sourceName startDate endDate",
        "unit value sourceVersion device creationDate",
    ),
    "Workout": (
        "((MetadataEntry|WorkoutEvent|WorkoutStatistics)*)",
        "workoutActivityType sourceName startDate endDate",
        "duration durationUnit sourceVersion device creationDate",
    ),
    "WorkoutEvent": ("EMPTY", "type date", "duration durationUnit"),
    "WorkoutStatistics": ("EMPTY", "type startDate endDate", "average minimum maximum sum unit"),
    "ActivitySummary": (
        "EMPTY",
        "",
        (
            "dateComponents activeEnergyBurned activeEnergyBurnedGoal activeEnergyBurnedUnit "
            "appleMoveTime appleMoveTimeGoal appleExerciseTime appleExerciseTimeGoal "
            "appleStandHours appleStandHoursGoal"
        ),
    ),
    "MetadataEntry": ("EMPTY", "key value", ""),
    "HeartRateVariabilityMetadataList": ("(InstantaneousBeatsPerMinute*)", "", ""),
    "InstantaneousBeatsPerMinute": ("EMPTY", "bpm time", ""),
}


def prolog() -> str:
    """The XML declaration and the internal subset; no external id, no entities."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!DOCTYPE HealthData [",
        "<!-- HealthKit Export Version: 14 -->",
        "<!ELEMENT HealthData (ExportDate,Me,(Record|Workout|ActivitySummary)*)>",
        "<!ATTLIST HealthData\n  locale CDATA #REQUIRED\n>",
    ]
    for name, (model, required, optional) in DTD.items():
        lines.append(f"<!ELEMENT {name} {model}>")
        attributes = [f"  {attribute} CDATA #REQUIRED" for attribute in required.split()]
        attributes += [f"  {attribute} CDATA #IMPLIED" for attribute in optional.split()]
        if attributes:
            lines.append("\n".join([f"<!ATTLIST {name}", *attributes, ">"]))
    return "\n".join([*lines, "]>", ""])


def element(name: str, attributes: dict[str, str], inner: str = "", depth: int = 1) -> str:
    """One element on a line of its own, its children on the lines within."""
    space = " " * depth
    written = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    if not inner:
        return f"{space}<{name}{written}/>\n"
    return f"{space}<{name}{written}>\n{inner}{space}</{name}>\n"


@dataclass(frozen=True, slots=True)
class Phone:
    """Writes every date, winter or summer, with the one offset it has while it exports."""

    offset: tzinfo

    def stamp(self, moment: datetime) -> str:
        return moment.astimezone(self.offset).strftime("%Y-%m-%d %H:%M:%S %z")

    def beat_time(self, moment: datetime) -> str:
        local = moment.astimezone(self.offset)
        hundredths = local.microsecond // 10_000
        half = "AM" if local.hour < 12 else "PM"
        return f"{local.hour % 12 or 12}:{local:%M:%S}.{hundredths:02d}\u202f{half}"

    def span(self, start: datetime, end: datetime) -> dict[str, str]:
        return {"startDate": self.stamp(start), "endDate": self.stamp(end)}

    def record(
        self,
        kind: str,
        source: Source,
        span: tuple[datetime, datetime],
        value: str,
        *,
        unit: str | None = None,
        inner: str = "",
    ) -> str:
        attributes = {"type": kind, **SOURCES[source]}
        if unit:
            attributes["unit"] = unit
        attributes |= {"creationDate": self.stamp(span[1]), **self.span(*span), "value": value}
        return element("Record", attributes, inner)

"""What each number is measured in, and what is possible for a human being.

Units follow the phone's settings and differ between records of one type. An unknown one is
never guessed, and a number outside the range (NaN and infinity too) is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from connections.providers.apple_health.errors import Skip

KG_PER_LB = 0.45359237
KJ_PER_KCAL = 4.184

# unit -> (factor, offset) to the canonical unit
Units = Mapping[str, tuple[float, float]]

COUNT: Units = {"count": (1.0, 0.0)}
PER_MINUTE: Units = {"count/min": (1.0, 0.0), "count/s": (60.0, 0.0), "Hz": (60.0, 0.0)}
MILLISECONDS: Units = {"ms": (1.0, 0.0), "s": (1000.0, 0.0)}
MINUTES: Units = {"min": (1.0, 0.0), "s": (1 / 60, 0.0), "hr": (60.0, 0.0)}
METRES: Units = {
    "m": (1.0, 0.0),
    "km": (1000.0, 0.0),
    "cm": (0.01, 0.0),
    "mi": (1609.344, 0.0),
    "yd": (0.9144, 0.0),
    "ft": (0.3048, 0.0),
}
KILOGRAMS: Units = {
    "kg": (1.0, 0.0),
    "g": (0.001, 0.0),
    "lb": (KG_PER_LB, 0.0),
    "oz": (KG_PER_LB / 16, 0.0),
    "st": (KG_PER_LB * 14, 0.0),
}
KILOCALORIES: Units = {
    "kcal": (1.0, 0.0),
    "Cal": (1.0, 0.0),  # the large calorie; HealthKit's small one is "cal"
    "cal": (0.001, 0.0),
    "kJ": (1 / KJ_PER_KCAL, 0.0),
    "J": (0.001 / KJ_PER_KCAL, 0.0),
}
CELSIUS: Units = {"degC": (1.0, 0.0), "degF": (5 / 9, -160 / 9), "K": (1.0, -273.15)}
WATTS: Units = {"W": (1.0, 0.0), "kW": (1000.0, 0.0)}
OXYGEN_UPTAKE: Units = dict.fromkeys(
    ("mL/min·kg", "mL/(min·kg)", "mL/kg·min", "mL/(kg·min)", "mL/kg/min", "ml/kg/min"), (1.0, 0.0)
)

NO_VALUE = "no value"
NOT_A_NUMBER = "a value that is not a number"
NO_UNIT = "no unit"
UNKNOWN_UNIT = "an unknown unit"
IMPOSSIBLE_VALUE = "an impossible value"


@dataclass(frozen=True, slots=True)
class Quantity:
    units: Units
    lowest: float
    highest: float

    def read(self, text: str, unit: str) -> float:
        """In the canonical unit. An attribute that is not there is passed as ""."""
        try:
            factor, offset = self.units[unit]
            value = float(text) * factor + offset
        except (KeyError, ValueError) as error:
            raise Skip(self._fault(text, unit)) from error
        if self.lowest <= value <= self.highest:
            return value
        raise Skip(IMPOSSIBLE_VALUE)

    def read_all(self, texts: Sequence[str], unit: str) -> list[float]:
        """The same for many of one unit. All can be read, or Skip or ValueError is raised."""
        if unit not in self.units:
            raise Skip(UNKNOWN_UNIT)
        factor, offset = self.units[unit]
        values = [float(text) * factor + offset for text in texts]
        # Not a number compares as neither, so it is looked for by itself.
        if self.lowest <= min(values) and max(values) <= self.highest and not isnan(sum(values)):
            return values
        raise Skip(IMPOSSIBLE_VALUE)

    def _fault(self, text: str, unit: str) -> str:
        if not text:
            return NO_VALUE
        if not unit:
            return NO_UNIT
        return NOT_A_NUMBER if unit in self.units else UNKNOWN_UNIT


HEART_RATE_BPM = Quantity(PER_MINUTE, 20, 300)
BREATHS_PER_MIN = Quantity(PER_MINUTE, 3, 80)
SDNN_MS = Quantity(MILLISECONDS, 0.1, 1000)
WRIST_C = Quantity(CELSIUS, 20, 45)
WEIGHT_KG = Quantity(KILOGRAMS, 20, 500)
VO2MAX = Quantity(OXYGEN_UPTAKE, 5, 120)
# One sample may stand for a whole day: third-party apps write daily totals.
STEPS = Quantity(COUNT, 0, 200_000)
FLIGHTS = Quantity(COUNT, 0, 10_000)
DISTANCE_M = Quantity(METRES, 0, 2_000_000)
ENERGY_KCAL = Quantity(KILOCALORIES, 0, 50_000)
EXERCISE_MIN = Quantity(MINUTES, 0, 1500)  # the longest local day has 25 hours
STAND_HOURS = Quantity(COUNT, 0, 25)
DURATION_MIN = Quantity(MINUTES, 0, 7 * 1440)
POWER_W = Quantity(WATTS, 0, 3000)
CADENCE_RPM = Quantity(PER_MINUTE, 0, 300)
CLIMB_M = Quantity(METRES, 0, 50_000)

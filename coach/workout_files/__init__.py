"""A run's workout as a file for trainers and bike computers: ZWO, MRC, ERG and FIT.

What a file says is the run's own: the steps of its decision, and the thresholds of its situation.
"""

from coach.workout_files.formats import FORMATS, Format, Offer, offered
from coach.workout_files.of_run import WorkoutFile, file_name, file_of, plan_of
from coach.workout_files.prescribed import NotInThisFormat, NoWorkout, Prescribed

__all__ = [
    "FORMATS",
    "Format",
    "NoWorkout",
    "NotInThisFormat",
    "Offer",
    "Prescribed",
    "WorkoutFile",
    "file_name",
    "file_of",
    "offered",
    "plan_of",
]

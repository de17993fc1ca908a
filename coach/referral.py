"""The one sentence that goes to whoever reported a warning sign, whatever else comes of the day.

It is fixed, and no training decision: the checklist of the IOC consensus on acute illness (2022)
sends these symptoms to a clinician.
"""

from coach import reported, stored_situations
from coach.models import MissionRun

SENTENCE = (
    "You reported a warning sign. Speak to a doctor before you ride. If it is happening now, call "
    "your local emergency number."
)


def is_due(run: MissionRun) -> bool:
    """Whether the tester reported a red flag on the day of a run, also if it drew nothing up."""
    if run.situation is not None:
        return bool(stored_situations.read(run.situation).health.red_flags)
    said = reported.reported_by(run.mission.owner, run.local_date).of_red_flags
    return said is not None and bool(said.red_flags)

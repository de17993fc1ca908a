"""What the coach keeps: what was asked for, what was said, and what went wrong."""

from coach.models.asked import Asked
from coach.models.calls import Incident, KnownModel, ModelCall, TokenUse
from coach.models.drafts import MissionDraft, MissionDraftQuerySet
from coach.models.feeds import CalendarFeed
from coach.models.mornings import CheckIn, Feedback
from coach.models.pace import ModelPace
from coach.models.reflections import Reflection
from coach.models.runs import MissionRun, MissionRunQuerySet
from coach.models.tallies import RuleTally

__all__ = [
    "Asked",
    "CalendarFeed",
    "CheckIn",
    "Feedback",
    "Incident",
    "KnownModel",
    "MissionDraft",
    "MissionDraftQuerySet",
    "MissionRun",
    "MissionRunQuerySet",
    "ModelCall",
    "ModelPace",
    "Reflection",
    "RuleTally",
    "TokenUse",
]

"""What goes by its age: the numbers and texts in the rows, when the file that told them is gone."""

from datetime import datetime

from accounts import artifacts
from accounts.models import Artifact
from coach.models import MissionRun, ModelCall

BATCH = 500


def texts(now: datetime) -> int:
    """Empty the texts of calls whose file was never stored, as old as a file would be by now."""
    forgotten = 0
    before = now - artifacts.KEPT_FOR[Artifact.Retention.REASONING]
    old = ModelCall.objects.exclude(prompt="").filter(asked_at__lt=before).order_by("asked_at")
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        forgotten += ModelCall.objects.filter(pk__in=keys).update(prompt="", reply="")
    return forgotten


def situations(now: datetime) -> int:
    """Empty the situation of runs whose artifact is gone by its age, and the ride matched to them:
    they tell the same numbers."""
    forgotten = 0
    before = now - artifacts.KEPT_FOR[Artifact.Retention.REASONING]
    old = MissionRun.objects.filter(finished_at__lt=before, situation__isnull=False)
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        forgotten += MissionRun.objects.filter(pk__in=keys).update(situation=None, done=None)
    return forgotten

from celery import shared_task
from django.utils import timezone

from missions import lifecycle, schedule
from missions.models import Mission


@shared_task(name="missions.sweep")
def sweep() -> None:
    """Keep true what wakes us for live missions, and move those whose event has begun or ended.

    Each zone has its own midnight, so it is looked at every quarter of an hour.
    """
    now = timezone.now()
    schedule.keep_wake_ups(now)
    for mission in Mission.objects.overtaken(now).select_related("owner"):
        lifecycle.keep_time(mission, now=now)

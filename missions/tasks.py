from celery import shared_task
from django.utils import timezone

from missions import lifecycle
from missions.models import Mission


@shared_task(name="missions.sweep")
def sweep() -> None:
    """Move the missions whose event has begun or ended; each zone has its own midnight."""
    now = timezone.now()
    for mission in Mission.objects.overtaken(now).select_related("owner"):
        lifecycle.keep_time(mission, now=now)

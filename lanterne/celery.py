import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init, worker_shutting_down
from django.core.management.base import SystemCheckError

from coach import stopping
from lanterne import folder_broker
from lanterne.starting import require_sound_setup

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")

folder_broker.register()
app = Celery("lanterne")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# With the tasks, and so after the apps: it writes rows.
app.autodiscover_tasks(["lanterne"], related_name="watched")


@worker_init.connect
@beat_init.connect
def refuse_unsound_setup(**_: Any) -> None:
    """Ends the process: of any other exception here Celery makes a line in its log and goes on."""
    try:
        require_sound_setup()
    except SystemCheckError as error:
        raise SystemExit(str(error)) from error


@worker_shutting_down.connect
def begin_nothing_long(**_: Any) -> None:
    stopping.begin()

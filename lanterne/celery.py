import os
from typing import Any

from celery import Celery
from celery.signals import worker_init
from django.core.management.base import SystemCheckError

from lanterne.starting import require_sound_setup

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")

app = Celery("lanterne")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def refuse_unsound_setup(**_: Any) -> None:
    """Ends the worker: of any other exception here Celery makes a line in its log and goes on."""
    try:
        require_sound_setup()
    except SystemCheckError as error:
        raise SystemExit(str(error)) from error

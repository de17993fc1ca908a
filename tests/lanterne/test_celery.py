from django.conf import settings

from lanterne.celery import app


def test_every_task_of_the_schedule_is_registered() -> None:
    app.loader.import_default_modules()

    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert named <= set(app.tasks)

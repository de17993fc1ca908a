from django.db import migrations
from django.utils import timezone

OPEN = ["survey", "due", "under_way"]


def have_them_stored(apps, schema_editor):
    """What is finished and has no file yet waits for it in the new column."""
    now = timezone.now()
    for name in ("MissionRun", "Reflection"):
        finished = apps.get_model("coach", name).objects.exclude(outcome__in=OPEN)
        finished.filter(artifacts_at=None).update(file_due_at=now)
    drafts = apps.get_model("coach", "MissionDraft").objects.exclude(outcome__in=OPEN)
    unstored = drafts.filter(calls__prompt__gt="").values("pk")
    drafts.filter(pk__in=unstored).update(file_due_at=now)


def forget_what_was_not_known(apps, schema_editor):
    """The tables of before have no incident of a task, and no missed morning."""
    apps.get_model("coach", "Incident").objects.exclude(task="").delete()
    apps.get_model("coach", "MissionRun").objects.filter(outcome="missed").update(outcome="failed")


class Migration(migrations.Migration):

    dependencies = [
        ('coach', '0006_always_on'),
    ]

    operations = [
        migrations.RunPython(have_them_stored, forget_what_was_not_known),
    ]

from typing import Any

from django.db import migrations, models
from django.db.models import Exists, F, OuterRef


def cancel_all_but_the_newest(apps: Any, _: Any) -> None:
    """Of several uploads that one tester has under way, the newest holds the others' days too."""
    uploads = apps.get_model("connections", "AppleHealthUpload").objects
    unfinished = uploads.filter(status__in=["waiting", "reading"])
    newer = unfinished.filter(user=OuterRef("user"), uploaded_at__gt=OuterRef("uploaded_at"))
    overtaken = unfinished.filter(Exists(newer)).values_list("pk", flat=True)
    uploads.filter(pk__in=list(overtaken)).update(
        status="cancelled", finished_at=F("uploaded_at"), lease_until=None
    )


class Migration(migrations.Migration):
    dependencies = [("connections", "0003_ride_files")]

    operations = [
        migrations.AlterField(
            model_name="applehealthupload",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "waiting"),
                    ("reading", "reading"),
                    ("done", "imported"),
                    ("failed", "not imported"),
                    ("cancelled", "cancelled"),
                ],
                default="waiting",
                max_length=12,
            ),
        ),
        migrations.RunPython(cancel_all_but_the_newest, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="applehealthupload",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["waiting", "reading"])),
                fields=("user",),
                name="one_unfinished_upload_per_tester",
            ),
        ),
    ]

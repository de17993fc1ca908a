from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connections', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='history_read_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='asked_at',
            field=models.DateTimeField(blank=True, help_text='When it was last asked to be read; empty once it was.', null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='epoch',
            field=models.PositiveIntegerField(default=0, help_text='Raised by every consent: what an older one read is not kept.'),
        ),
    ]

import re

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import missions.models
from django.conf import settings
from django.db import migrations, models


def is_counted(name, bonus):
    """Until now any name was taken; the game knows these, and the others never earned anything."""
    number = re.fullmatch(r"(?:consecutive|breakaway)_([1-9][0-9]{0,3})", name)
    if number:
        return int(number[1]) == bonus["threshold"]
    return name in ("all_mountains_breakaway", "final_week_complete", "all_gc")


def take_over(apps, schema_editor):
    """What a mission said before, in today's fields."""
    for mission in apps.get_model("missions", "Mission").objects.all().iterator():
        mission.prep_start = min(mission.created_at.date(), mission.event_start)
        mission.weekday_minutes = [mission.daily_minutes] * 7
        mission.force_rest_readiness = min(60, mission.min_readiness)
        mission.force_rest_tsb = min(-20, mission.min_tsb)
        bonuses = mission.points_schema.get("bonuses", {})
        counted = {name: one for name, one in bonuses.items() if is_counted(name, one)}
        if counted != bonuses:
            mission.points_schema["bonuses"] = counted
        mission.save()
    settled = apps.get_model("missions", "EventProgress").objects
    settled.update(classified_as=models.F("ride_mode"))


class Migration(migrations.Migration):

    dependencies = [
        ('missions', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Appeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ride_key', models.CharField(max_length=140)),
                ('from_mode', models.CharField(choices=[('gc', 'GC'), ('breakaway', 'breakaway'), ('steady', 'steady'), ('rest', 'rest')], max_length=10)),
                ('to_mode', models.CharField(choices=[('gc', 'GC'), ('breakaway', 'breakaway'), ('steady', 'steady'), ('rest', 'rest')], max_length=10)),
                ('classified_as', models.CharField(choices=[('gc', 'GC'), ('breakaway', 'breakaway'), ('steady', 'steady'), ('rest', 'rest')], help_text="What the ride's numbers said then.", max_length=10)),
                ('reason', models.CharField(max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='BonusAward',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('points', models.PositiveSmallIntegerField()),
                ('awarded_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['awarded_at', 'name'],
            },
        ),
        migrations.CreateModel(
            name='MissionEdit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.JSONField()),
                ('after', models.JSONField()),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='MissionMove',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_state', models.CharField(choices=[('PREP', 'preparation'), ('TRAINING', 'training'), ('EVENT_ACTIVE', 'event'), ('MISSION_COMPLETE', 'complete')], max_length=20)),
                ('to_state', models.CharField(choices=[('PREP', 'preparation'), ('TRAINING', 'training'), ('EVENT_ACTIVE', 'event'), ('MISSION_COMPLETE', 'complete')], max_length=20)),
                ('reason', models.CharField(max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.AddField(
            model_name='eventprogress',
            name='classified_as',
            field=models.CharField(choices=[('gc', 'GC'), ('breakaway', 'breakaway'), ('steady', 'steady'), ('rest', 'rest')], default='rest', max_length=10),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='mission',
            name='blackout_dates',
            field=models.JSONField(blank=True, default=list, validators=[missions.models.validate_blackouts], verbose_name='days without riding'),
        ),
        migrations.AddField(
            model_name='mission',
            name='brief_detail',
            field=models.CharField(choices=[('full', 'everything'), ('short', 'only what to do, and why')], default='full', max_length=5, verbose_name='the brief tells'),
        ),
        migrations.AddField(
            model_name='mission',
            name='event_style',
            field=models.CharField(choices=[('gc', 'for the classification'), ('breakaway', 'for the breakaways'), ('steady', 'steady to the finish')], default='steady', max_length=10, verbose_name='how you ride it'),
        ),
        migrations.AddField(
            model_name='mission',
            name='force_rest_readiness',
            field=models.PositiveSmallIntegerField(default=60, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='readiness below which you rest'),
        ),
        migrations.AddField(
            model_name='mission',
            name='force_rest_tsb',
            field=models.SmallIntegerField(default=-20, validators=[django.core.validators.MinValueValidator(-80), django.core.validators.MaxValueValidator(20)], verbose_name='form (TSB) below which you rest'),
        ),
        migrations.AddField(
            model_name='mission',
            name='imported_from',
            field=models.CharField(blank=True, editable=False, help_text='The file of a mission that was ridden elsewhere: its points stay as recorded.', max_length=200),
        ),
        migrations.AddField(
            model_name='mission',
            name='is_brief_mailed',
            field=models.BooleanField(default=True, help_text='It is always on Home.', verbose_name='send the brief by e-mail'),
        ),
        migrations.AddField(
            model_name='mission',
            name='max_consecutive_hard_days',
            field=models.PositiveSmallIntegerField(default=2, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(4)], verbose_name='most hard days in a row'),
        ),
        migrations.AddField(
            model_name='mission',
            name='max_hard_sessions_per_week',
            field=models.PositiveSmallIntegerField(default=3, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(7)], verbose_name='most hard sessions a week'),
        ),
        migrations.AddField(
            model_name='mission',
            name='max_ramp_rate',
            field=models.PositiveSmallIntegerField(default=8, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(15)], verbose_name='most fitness (CTL) gained in a week'),
        ),
        migrations.AddField(
            model_name='mission',
            name='max_rhr',
            field=models.PositiveSmallIntegerField(blank=True, default=None, help_text='Empty: the coach compares with your own usual rate.', null=True, validators=[django.core.validators.MinValueValidator(30), django.core.validators.MaxValueValidator(120)], verbose_name='resting heart rate (bpm) above which nothing is hard'),
        ),
        migrations.AddField(
            model_name='mission',
            name='max_zone',
            field=models.PositiveSmallIntegerField(blank=True, default=None, help_text='If a clinician has set you one, 1 to 7.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)], verbose_name='highest power zone allowed'),
        ),
        migrations.AddField(
            model_name='mission',
            name='notes',
            field=models.TextField(blank=True, max_length=2000),
        ),
        migrations.AddField(
            model_name='mission',
            name='prep_start',
            field=models.DateField(blank=True, default=django.utils.timezone.now, help_text='Empty: from the day the mission is made.', verbose_name='preparation from'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='mission',
            name='restrictions',
            field=models.TextField(blank=True, help_text='The coach reads it every morning.', max_length=1000, verbose_name='injuries and other restrictions'),
        ),
        migrations.AddField(
            model_name='mission',
            name='targets',
            field=models.JSONField(blank=True, default=dict, validators=[missions.models.validate_targets]),
        ),
        migrations.AddField(
            model_name='mission',
            name='weekday_minutes',
            field=models.JSONField(default=missions.models.usual_week, help_text='The longest ride the coach may give you, Monday to Sunday; 0 for no time.', validators=[missions.models.validate_week], verbose_name='minutes on each day'),
        ),
        migrations.AddField(
            model_name='mission',
            name='weekly_minutes_min',
            field=models.PositiveSmallIntegerField(blank=True, help_text='What you can ride even in a bad week.', null=True, validators=[django.core.validators.MaxValueValidator(3000)], verbose_name='least minutes a week'),
        ),
        migrations.AlterField(
            model_name='mission',
            name='weekly_minutes',
            field=models.PositiveSmallIntegerField(default=420, help_text='The most you can ride in a week.', validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(3000)], verbose_name='most minutes a week'),
        ),
        migrations.AlterModelOptions(
            name='stage',
            options={'ordering': ['date']},
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='mission',
            name='daily_minutes',
        ),
        migrations.AddConstraint(
            model_name='mission',
            constraint=models.CheckConstraint(condition=models.Q(('event_start__gte', models.F('prep_start'))), name='preparation_starts_before_the_event', violation_error_message='The preparation starts after the event.'),
        ),
        migrations.AddField(
            model_name='mission',
            name='results_read_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='When the rides of a finished event were last looked at.', null=True),
        ),
        migrations.AddField(
            model_name='appeal',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='appeal',
            name='progress',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='appeals', to='missions.eventprogress'),
        ),
        migrations.AddField(
            model_name='bonusaward',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='awards', to='missions.mission'),
        ),
        migrations.AddField(
            model_name='bonusaward',
            name='progress',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='awards', to='missions.eventprogress'),
        ),
        migrations.AddField(
            model_name='missionedit',
            name='by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='missionedit',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='edits', to='missions.mission'),
        ),
        migrations.AddField(
            model_name='missionmove',
            name='by',
            field=models.ForeignKey(blank=True, help_text='Empty: the calendar.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='missionmove',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moves', to='missions.mission'),
        ),
        migrations.AddConstraint(
            model_name='bonusaward',
            constraint=models.UniqueConstraint(fields=('mission', 'name'), name='one_award_per_bonus'),
        ),
        migrations.AlterField(
            model_name='mission',
            name='name',
            field=models.CharField(max_length=80, validators=[missions.models.validate_name]),
        ),
    ]

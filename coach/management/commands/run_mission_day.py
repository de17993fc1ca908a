from argparse import ArgumentParser
from datetime import date
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from coach import again, daily_run, reruns
from coach.models import MissionRun
from missions.models import Mission


class Command(BaseCommand):
    help = "Coach one mission on a local date (today's unless given) and print how it went."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mission", required=True, type=UUID, metavar="ID")
        parser.add_argument("--user", type=int, metavar="ID", help="only if it is this tester's")
        parser.add_argument("--date", type=date.fromisoformat, metavar="YYYY-MM-DD")
        parser.add_argument("--again", action="store_true", help="also a day that has its run")

    def handle(self, *_: Any, **options: Any) -> None:
        missions = Mission.objects.select_related("owner").filter(pk=options["mission"])
        if options["user"] is not None:
            missions = missions.filter(owner_id=options["user"])
        mission = missions.first()
        if mission is None:
            raise CommandError(
                "There is no such mission. `--mission` takes its ID, `--user` its owner's."
            )
        today = mission.local_date()
        day = options["date"] or today
        if day > today:
            raise CommandError(f"{day} is still to come: in {mission.timezone} it is {today}.")
        try:
            run = daily_run.open_run(mission, day, MissionRun.Trigger.COMMAND)
            if options["again"]:
                run = reruns.rerun(run, timezone.now())
        except (again.NotAgain, again.NotNow) as refusal:
            raise CommandError(str(refusal)) from None
        except daily_run.NotLive as refusal:
            raise CommandError(f"{mission} ({mission.get_state_display()}): {refusal}") from None
        daily_run.run_day(run)
        self.stdout.write(f"{run}: {run.summary or 'another worker has it'}")
        if run.outcome == MissionRun.Outcome.FAILED:
            raise CommandError("The run failed; its incident is in the admin.")

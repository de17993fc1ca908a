from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from connections.models import PushSubscription
from connections.providers.http import ProviderError
from connections.providers.strava import push
from connections.sources import Source


class Command(BaseCommand):
    help = (
        "Have Strava tell us of new, changed and deleted rides. One subscription serves all "
        "testers; subscribe while the service is running, for Strava looks for it at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["subscribe", "show", "unsubscribe"])
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Say what unsubscribe would end.",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["dry_run"] and options["action"] != "unsubscribe":
            raise CommandError("--dry-run is for unsubscribe.")
        try:
            if options["action"] == "subscribe":
                self.subscribe()
            elif options["action"] == "unsubscribe":
                self.unsubscribe(options["dry_run"])
            else:
                self.show()
        except ProviderError as error:
            raise CommandError(str(error)) from error

    def subscribe(self) -> None:
        """Adopts the subscription that Strava has already, when it leads here."""
        callback_url = self.callback_url()
        there = next(iter(push.subscriptions()), None)
        if there is not None and there.callback_url != callback_url:
            raise CommandError(
                f"Strava tells {there.callback_url} already, and tells one address only. "
                "End that with `manage.py strava_webhook unsubscribe` first."
            )
        number = there.id if there is not None else self.new(callback_url)
        PushSubscription.objects.update_or_create(
            source=Source.STRAVA, defaults={"external_id": number}
        )
        self.stdout.write(f"Strava tells {callback_url} (subscription {number}).")

    def new(self, callback_url: str) -> str:
        try:
            return push.subscribe(callback_url)
        except push.NotSubscribed as error:
            raise CommandError(
                f"{error} Strava must reach {callback_url} from outside while the service runs, "
                "with the STRAVA_VERIFY_TOKEN and SECRET_KEY that this command has."
            ) from error

    def show(self) -> None:
        ours = self.ours()
        for there in push.subscriptions():
            words = "this service listens to it" if there.id == ours else "not known here"
            self.stdout.write(f"subscription {there.id} tells {there.callback_url}; {words}")
            return
        self.stdout.write("Strava tells nobody." + (f" We still know {ours}." if ours else ""))

    def unsubscribe(self, is_dry_run: bool) -> None:
        there = next(iter(push.subscriptions()), None)
        if there is None:
            self.stdout.write("Strava tells nobody; there is nothing to end.")
        elif is_dry_run:
            self.stdout.write(f"Would end subscription {there.id} to {there.callback_url}.")
        else:
            push.unsubscribe(there.id)
            self.stdout.write(f"Subscription {there.id} is ended.")
        if not is_dry_run:
            PushSubscription.objects.filter(source=Source.STRAVA).delete()

    def ours(self) -> str | None:
        row = PushSubscription.objects.filter(source=Source.STRAVA).first()
        return row.external_id if row else None

    def callback_url(self) -> str:
        return f"{settings.SITE_URL}{reverse('connections:webhook', args=[Source.STRAVA])}"

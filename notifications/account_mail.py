"""What the account library writes to people leaves through the outbox, in our own words."""

from typing import Any
from uuid import uuid4

from django.conf import settings

from accounts import sessions
from accounts.adapter import AccountAdapter
from accounts.formats import NOBODY, Reader
from accounts.models import User
from notifications import mail, outbox
from notifications.models import Notification


class MailingAdapter(AccountAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Put the mail of one of templates/email/account_*.html into the outbox."""
        user = context.get("user") or User.objects.filter(email=email).first()
        name = template_prefix.rpartition("/")[2]
        outbox.enqueue(
            Notification.Kind.ACCOUNT,
            mail.render(
                f"account_{name}",
                {
                    "email": email,
                    "registration": settings.REGISTRATION,
                    **context,
                    "device": sessions.in_words(context.get("user_agent") or ""),
                },
                timezone_name=user.timezone if user else "UTC",
                reader=Reader.of(user) if user else NOBODY,
            ),
            dedupe_key=f"account:{name}:{uuid4().hex}",
            recipients=[email],
            user=user,
        )

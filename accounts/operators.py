"""Telling the operators, for apps that know nothing of mails: settings name who puts it into words.

The apps import each other in one direction only, and the outbox lies on another branch.
"""

from django.conf import settings
from django.utils.module_loading import import_string


def tell(*, subject: str, text: str, dedupe_key: str) -> None:
    """Once for each `dedupe_key`, in the transaction of whoever noticed."""
    import_string(settings.TELL_OPERATORS)(subject=subject, text=text, dedupe_key=dedupe_key)

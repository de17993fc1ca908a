"""Marks of the providers that only whoever runs the service can put in place."""

from django import template
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage

register = template.Library()


@register.simple_tag
def mark_address(name: str) -> str:
    """Of an image below static/; empty when nobody has put it there, or has not collected it."""
    if finders.find(name) is None:
        return ""
    try:
        return str(staticfiles_storage.url(name))
    except ValueError:
        return ""

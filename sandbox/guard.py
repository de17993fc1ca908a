"""The stand-ins exist for development alone: anywhere else each address answers 404."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

View = Callable[..., HttpResponseBase]


def only_in_sandbox(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not (settings.DEBUG and settings.SANDBOX):
            raise Http404
        return view(request, *args, **kwargs)

    return guarded


def sandbox_path(address: str, view: View, name: str) -> URLPattern:
    """A path behind the guard; programs post here, and no session stands behind a form."""
    return path(address, csrf_exempt(only_in_sandbox(view)), name=name)

"""While the database does not answer: 503 and a page that says so, wherever it was noticed."""

import sys
from collections.abc import Callable, Iterator

from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from lanterne import api

NOTICED = "lanterne.database_is_away"


def says_away(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Near the top: below it Django makes a 500 of whatever is raised, by views and middleware."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 500 and NOTICED in request.META:
            return api.away(request)
        return response

    return respond


@receiver(got_request_exception)
def _notice(request: HttpRequest, **_: object) -> None:
    if any(isinstance(one, OperationalError | InterfaceError) for one in _causes()):
        request.META[NOTICED] = "1"


def _causes() -> Iterator[BaseException]:
    """The exception in hand and those it came from, each once."""
    seen: set[int] = set()
    error = sys.exception()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__

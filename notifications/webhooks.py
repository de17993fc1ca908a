"""Where mail providers tell what became of mails: the library reads them, we keep the door.

SNS does not sign in a way the library looks at, so both need the password of MAIL_WEBHOOK_SECRET;
without one there is no door. SendGrid's signature is asked for on top where its key is set.
"""

from collections.abc import Callable

from anymail.exceptions import (
    AnymailConfigurationError,
    AnymailError,
    AnymailWebhookValidationFailure,
)
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.sendgrid import SendGridTrackingWebhookView
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import throttle

# SendGrid posts at most 768 kB at once, SNS 256 kB.
MOST_BYTES = 1024 * 1024
VIEWS: dict[str, Callable[..., HttpResponseBase]] = {
    "amazon_ses": AmazonSESTrackingWebhookView.as_view(),
    "sendgrid": SendGridTrackingWebhookView.as_view(),
}
# Amazon's body is read before its password is: anybody may send one that nests without end.
NOT_EVENTS = (
    *(AnymailError, AnymailConfigurationError),
    *(AttributeError, KeyError, TypeError, ValueError),
    # Of what is nested too deep, and of a time that no calendar has.
    *(RecursionError, OverflowError),
)


@csrf_exempt
@require_http_methods(["HEAD", "POST"])
def receive(request: HttpRequest, provider: str) -> HttpResponseBase:
    """Only what is refused counts against whoever asks; of events there can be thousands."""
    if provider not in VIEWS or not settings.MAIL_WEBHOOK_SECRET:
        raise Http404
    throttle.check("webhook", request)
    try:
        return _heard(request, provider)
    except AnymailWebhookValidationFailure:
        status = 403
    except (BotoCoreError, ClientError):
        return HttpResponse(status=502)  # a topic that could not be confirmed asks again
    except RequestDataTooBig:
        status = 413
    except NOT_EVENTS:
        status = 400
    throttle.count("webhook", request)
    return HttpResponse(status=status)


def _heard(request: HttpRequest, provider: str) -> HttpResponseBase:
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise RequestDataTooBig
    return VIEWS[provider](request)

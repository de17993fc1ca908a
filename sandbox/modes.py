"""How each stand-in is told to misbehave: for the next few requests, or until told otherwise."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from sandbox.memory import alone, recall, remember
from sandbox.pages import asked, done

MODES: dict[str, dict[str, str]] = {
    "strava": {
        "ok": "answers as Strava does",
        "rate_limited": "429, the quarter-hour limit is used up",
        "missing_scope": "401, the activity permission is missing",
        "inactive": "403, the app’s owner has no subscription",
        "athlete_cap": "403 on connecting, too many athletes",
        "server_error": "500",
        "slow": "answers after some seconds",
        "token_revoked": "401, and refreshing is refused",
        "code_not_ready": "a fresh code is refused once and works two seconds later",
        "lost_answer": "tokens are made and the answer that has them is lost, 500",
    },
    "oura": {
        "ok": "answers as Oura does",
        "night_not_there": "the latest day is empty, as before the app is opened",
        "unauthorized": "401, the token is refused",
        "missing_scope": "401, a permission is missing",
        "membership": "403, the membership has ended",
        "rate_limited": "429 with its five headers",
        "bad_request": "400, a parameter is not accepted",
        "server_error": "500",
        "slow": "answers after some seconds",
        "token_revoked": "401, and refreshing is refused",
        "lost_answer": "tokens are made and the answer that has them is lost, 500",
        "prefixed_scopes": "the scopes of a token are told with extapi: before each",
    },
    "openai": {
        "ok": "the stand-in coach answers",
        "refusal": "the model refuses",
        "length": "the reply is cut off",
        "content_filter": "the filter removes the reply",
        "absurd": "fits the schema, makes no sense",
        "malformed": "prose where JSON was asked for",
        "schema_invalid": "JSON of another shape",
        "bad_request": "400, the schema is not accepted",
        "no_schema": "400 to any JSON Schema, as a server without them; plain JSON is answered",
        "rate_limited": "429 with retry-after",
        "quota": "429, the quota is used up",
        "server_error": "500",
        "timeout": "answers after some seconds",
    },
}


@dataclass(frozen=True, slots=True)
class Mode:
    """times: requests left to misbehave on, None for all; seconds: to wait, where that applies."""

    mode: str = "ok"
    times: int | None = None
    seconds: float | None = None

    def wait(self, usual: float) -> None:
        time.sleep(usual if self.seconds is None else self.seconds)


class ModeForm(forms.Form):
    mode = forms.ChoiceField()
    times = forms.IntegerField(
        min_value=1, required=False, label="For how many requests (empty: all)"
    )
    seconds = forms.FloatField(
        min_value=0, required=False, label="Seconds to wait, or to retry after"
    )

    def __init__(self, server: str, data: Any = None) -> None:
        initial = {"mode": current(server).mode}
        super().__init__(data, auto_id=f"{server}-%s", initial=initial, label_suffix="")
        choices = [(name, f"{name}: {words}") for name, words in MODES[server].items()]
        self.fields["mode"] = forms.ChoiceField(choices=choices)
        self.order_fields(["mode", "times", "seconds"])


def current(server: str) -> Mode:
    stored = recall(f"{server}:mode")
    return Mode(**stored) if stored else Mode()


def take(server: str, *possible: str) -> Mode:
    """The mode for this request, counted down, or ok when it is not one that applies here."""
    with alone():
        mode = current(server)
        if mode.mode not in possible:
            return Mode()
        if mode.times is not None:
            left = mode.times - 1
            after = Mode(mode.mode, left, mode.seconds) if left else Mode()
            remember(f"{server}:mode", asdict(after))
        return mode


@require_http_methods(["GET", "POST"])
def mode(request: HttpRequest, server: str) -> HttpResponse:
    if server not in MODES:
        raise Http404
    if request.method == "GET":
        return JsonResponse({**asdict(current(server)), "modes": list(MODES[server])})
    form = ModeForm(server, asked(request))
    if not form.is_valid():
        return JsonResponse({"errors": form.errors.get_json_data()}, status=400)
    chosen = Mode(**form.cleaned_data)
    with alone():
        remember(f"{server}:mode", asdict(chosen))
    return done(request, asdict(chosen))

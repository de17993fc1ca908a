from collections.abc import Iterator

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.privacy import NotAllowed
from accounts.sessions import signed_in
from accounts.throttle import limited
from connections import consent, panel, policy, refresh, registry
from connections.forms import AppleHealthForm, TokenForm
from connections.precedence_form import PrecedenceForm
from connections.providers.http import ProviderError, TokenRefused
from connections.sources import label_of


@login_required
@require_GET
def show(request: HttpRequest) -> HttpResponse:
    return panel_page(request)


@login_required
@require_GET
def cards(request: HttpRequest) -> HttpResponse:
    """The sources' state alone, asked for again while something is under way.

    Quietly when somebody comes back to the page: nothing need have happened then.
    """
    context = {
        **panel.context_for(signed_in(request)),
        "is_short": "short" in request.GET,
        "is_announced": "quiet" not in request.GET,
    }
    return render(request, "connections/_cards.html", context)


@login_required
@require_POST
@limited("connect")
def connect_token(request: HttpRequest, provider: str) -> HttpResponse:
    """Keep a pasted token once the provider itself has accepted it."""
    try:
        source = registry.that_takes_tokens(provider)
    except registry.NotAnApi as error:
        raise Http404 from error
    form = TokenForm(request.POST, source=source.name)
    if not form.is_valid():
        return panel_page(request, token_form=form, status=400)
    try:
        consent.keep_pasted_token(signed_in(request), source, form.cleaned_data["token"])
    except TokenRefused:
        label = label_of(provider)
        form.add_error(
            "token", f"{label} does not accept this token. Copy all of it and try again."
        )
    except (ProviderError, NotAllowed) as error:
        form.add_error("token", f"{error} The token was not kept.")
    except consent.AccountTaken as taken:
        form.add_error("token", str(taken))
    else:
        messages.success(request, f"{label_of(provider)} is connected and being read.")
        return redirect(f"{reverse('connections:panel')}#main")
    return panel_page(request, token_form=form, status=400)


@login_required
@require_POST
@limited("sync")
def sync_now(request: HttpRequest, provider: str) -> HttpResponse:
    connection = get_object_or_404(signed_in(request).connections, provider=provider)
    try:
        refresh.read_now(connection)
    except (refresh.NeedsTester, NotAllowed) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.info(request, f"{connection.get_provider_display()} is being read.")
    return redirect("connections:panel")


@login_required
@require_POST
def choose_precedence(request: HttpRequest) -> HttpResponse:
    """Keep which source counts for which metric."""
    form = PrecedenceForm(signed_in(request), request.POST)
    if not form.is_valid():
        return panel_page(request, precedence=form, status=400)
    form.save()
    messages.success(request, "Saved. It counts from your next brief on.")
    return redirect(f"{reverse('connections:panel')}#which-counts")


@login_required
@require_POST
def disconnect(request: HttpRequest, provider: str) -> HttpResponse:
    """Give the access back at the provider and erase what came from it."""
    user = signed_in(request)
    if registry.is_uploaded(provider):
        consent.forget_uploads(user, provider)
        messages.success(request, f"What came from {label_of(provider)} is deleted.")
        return redirect("connections:panel")
    connection = get_object_or_404(user.connections, provider=provider)
    name = connection.get_provider_display()
    try:
        consent.withdraw(connection)
    except ProviderError as error:
        messages.error(request, f"{error} {name} stays connected; try again in a few minutes.")
    else:
        messages.success(request, f"{name} is disconnected.")
    return redirect("connections:panel")


def panel_page(
    request: HttpRequest,
    *,
    apple: AppleHealthForm | None = None,
    token_form: TokenForm | None = None,
    precedence: PrecedenceForm | None = None,
    status: int = 200,
) -> HttpResponse:
    user = signed_in(request)
    context = panel.context_for(user)
    context |= {
        "precedence_form": precedence or PrecedenceForm(user),
        "withheld": policy.withheld_of(user),
        "apple_form": apple or AppleHealthForm(),
        "token_forms": list(
            _token_forms(context["sources"], token_form, may_connect=user.has_consented)
        ),
    }
    return render(request, "connections/panel.html", context, status=status)


def _token_forms(
    states: list[panel.SourceState], sent: TokenForm | None, *, may_connect: bool
) -> Iterator[TokenForm]:
    """The one that was sent in, and one for each source that waits for a token."""
    for state in states:
        if sent is not None and sent.source == state.source:
            yield sent
        elif may_connect and state.takes_pasted_token and state.needs_connecting:
            yield TokenForm(source=state.source)

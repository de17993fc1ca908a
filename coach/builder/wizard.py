"""The pages from a first question to a mission: the survey, the wait, the review."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import throttle
from accounts.sessions import signed_in
from coach.budget import UsedUp
from coach.builder import answers, mission_builder
from coach.builder.draft_failures import failure_of
from coach.builder.forms import MAY_BE_EMPTY, SHOWN, STEPS, Step, SurveyForm
from coach.builder.review import ReviewForm
from coach.conversation import NotAllowed
from coach.models import Incident, MissionDraft

Outcome = MissionDraft.Outcome
UNANSWERED = "Please answer this."
# What a survey may go without, and what an empty field has an answer for.
LEFT_EMPTY = (*MAY_BE_EMPTY, "is_ftp_unknown", "event_end")
# How a sentence says the number of questions.
IN_WORDS = {8: "Eight", 9: "Nine", 10: "Ten", 11: "Eleven", 12: "Twelve"}
KEPT = "Your answers are kept."
KEPT_FOR_LATER = (
    f"Your answers are kept for {MissionDraft.KEPT_FOR.days} days. Go on whenever you like."
)
NOTHING_TYPED = "You had not answered anything yet, so there is nothing to keep."
SAVED = "Draft saved. It becomes your mission when you confirm it."
CONFIRMED = "This is your mission now. Nothing is sent until you start training."
NOT_SAVED = (
    "Your changes to the draft were not saved: it does not fit your answers any more. "
    "Have it drafted again."
)

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponse]


def may_be_gone(view: View[Rest]) -> View[Rest]:
    """A draft can be discarded in another window at any moment: then it is not there."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: Rest.args, **options: Rest.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **options)
        except MissionDraft.DoesNotExist as gone:
            raise Http404 from gone

    return guarded


def own_draft(request: HttpRequest, pk: UUID) -> MissionDraft:
    drafts = MissionDraft.objects.owned_by(signed_in(request)).select_related("user", "mission")
    return drafts.get(pk=pk)


# --- the survey ---


@login_required
@require_http_methods(["GET", "POST"])
@may_be_gone
def new(request: HttpRequest) -> HttpResponse:
    """The first question; a draft is made of its first answer, not of a look."""
    if request.method == "POST":
        return _answer(request, STEPS[0], None)
    user, now = signed_in(request), timezone.now()
    known = answers.known_of(user, user.local_date(now))
    return _survey(request, SurveyForm.showing(known, uuid4()), STEPS[0], None)


@login_required
@require_http_methods(["GET", "POST"])
@may_be_gone
def step(request: HttpRequest, pk: UUID, slug: str) -> HttpResponse:
    draft = own_draft(request, pk)
    here = next((one for one in STEPS if one.slug == slug), None)
    if here is None:
        raise Http404
    if request.method == "POST":
        return _answer(request, here, draft)
    if draft.mission or draft.outcome in MissionDraft.OPEN:
        return redirect(draft)
    return _survey(request, SurveyForm.showing(draft.survey, draft.pk), here, draft)


@login_required
@require_POST
@may_be_gone
def keep(request: HttpRequest) -> HttpResponse:
    """Answers as they are given, sent by the page itself; the answer says if they are kept."""
    form = SurveyForm(request.POST)
    try:
        draft, problems = _kept(request, form, None)
    except mission_builder.NotNow as refusal:
        return render(request, "coach/wizard/_kept.html", {"refusal": str(refusal)})
    wrong = [form.fields[name].label for name in problems]
    context = {"draft": draft, "wrong": wrong, "was": form["was"].value()}
    response = render(request, "coach/wizard/_kept.html", context)
    if draft is not None and request.headers.get("HX-Current-URL", "").endswith(
        reverse("coach:new")
    ):
        # Loaded again, the page goes on with this draft.
        response["HX-Replace-Url"] = reverse("coach:step", args=[draft.pk, STEPS[0].slug])
    return response


def _answer(request: HttpRequest, here: Step, draft: MissionDraft | None) -> HttpResponse:
    """Keep what was sent, and go where its button leads, unless something stands in the way."""
    form, go = SurveyForm(request.POST), request.POST.get("go", "next")
    asked_for = {"next": (here,), "draft": STEPS}.get(go, ())
    try:
        draft, problems = _kept(request, form, draft, asked_for)
        if not problems and go == "draft" and draft is not None:
            _ask(request, draft)
    except mission_builder.SurveyIncomplete as error:
        problems = error.problems
    except mission_builder.NotNow as refusal:
        problems = {"": str(refusal)}
    if problems:
        form.tell(problems)
        return _survey(request, form, _first_at_fault(form, here), draft)
    return _onward(request, here, go, draft)


def _kept(
    request: HttpRequest,
    form: SurveyForm,
    draft: MissionDraft | None,
    asked_for: Sequence[Step] = (),
) -> tuple[MissionDraft | None, dict[str, str]]:
    """The draft with what was right of the answers, and what is wrong with them, by field.

    What is missing is wrong only in the steps that are asked for.
    """
    form.is_valid()
    change, now = form.change(), timezone.now()
    unreadable = form.problems()
    if draft is None and (_says_something(change) or _is_of_a_draft(request, form)):
        number = form.cleaned_data.get("draft_id") or uuid4()
        draft, is_new = answers.begin(signed_in(request), number, now)
        # Of a draft that was discarded meanwhile the page holds answers that no row has.
        change = form.change(from_nothing=is_new)
    if draft is None:
        return None, _missing(asked_for, form.answers()) | unreadable
    watched = change.names.union(*(step.fields for step in asked_for))
    problems = answers.keep(draft, change, now)
    form.note_kept(change, problems)
    wrong = {name: words for name, words in problems.items() if name in watched}
    return draft, _missing(asked_for, draft.survey) | wrong | unreadable


def _says_something(change: answers.Change) -> bool:
    return any(one not in ("", []) for one in change.given.values())


def _is_of_a_draft(request: HttpRequest, form: SurveyForm) -> bool:
    """Whether the page's draft is there already: the first page goes on under its own address."""
    own = MissionDraft.objects.owned_by(signed_in(request))
    number: UUID | None = form.cleaned_data.get("draft_id")
    return number is not None and own.filter(pk=number).exists()


def _missing(asked_for: Sequence[Step], given: answers.Answers) -> dict[str, str]:
    return {
        name: UNANSWERED
        for step in asked_for
        for name in step.fields
        if name not in given and name not in LEFT_EMPTY
    }


def _first_at_fault(form: SurveyForm, here: Step) -> Step:
    """The step that is shown, when it has an error; else the first that has."""
    at_fault = [one for one in STEPS if form.errors.keys() & set(one.fields)]
    return here if here in at_fault or not at_fault else at_fault[0]


def _onward(request: HttpRequest, here: Step, go: str, draft: MissionDraft | None) -> HttpResponse:
    if draft is None:
        messages.info(request, NOTHING_TYPED)
        return redirect("home" if go == "later" else "coach:new")
    if go in ("draft", "review"):
        return redirect(draft)
    if go == "later":
        messages.success(request, KEPT_FOR_LATER)
        return redirect("coach:new")
    if go == "stay":
        messages.success(request, KEPT)
    place = STEPS.index(here) + {"back": -1, "stay": 0}.get(go, 1)
    return redirect("coach:step", draft.pk, STEPS[min(max(place, 0), len(STEPS) - 1)].slug)


def _survey(
    request: HttpRequest, form: SurveyForm, here: Step, draft: MissionDraft | None
) -> HttpResponse:
    place, drafts = STEPS.index(here), list[MissionDraft]()
    if draft is None and (not form.is_bound or form.non_field_errors()):
        own = MissionDraft.objects.owned_by(signed_in(request))
        drafts = list(own.unconfirmed()[: answers.MOST_OPEN])
    return render(
        request,
        "coach/wizard/survey.html",
        {
            "form": form,
            "draft": draft,
            "here": here,
            "number": place + 1,
            "of": len(STEPS),
            "is_last": place == len(STEPS) - 1,
            "of_in_words": IN_WORDS.get(len(STEPS), len(STEPS)),
            "questions": form.questions(here),
            "is_at_fault": not form.errors.keys().isdisjoint(SHOWN),
            "drafts": drafts,
            "too_many": answers.TOO_MANY if len(drafts) >= answers.MOST_OPEN else "",
        },
    )


# --- the draft: waited for, failed, reviewed ---


def _ask(request: HttpRequest, draft: MissionDraft) -> None:
    """Ask for a draft; raises SurveyIncomplete before it counts as an attempt."""
    now = timezone.now()
    try:
        mission_builder.require_complete(draft, now)
        throttle.hit("draft", request, str(draft.user_id))
        mission_builder.ask_for(draft, now)
    except NotAllowed as refusal:
        messages.error(request, f"Nothing was sent. {refusal}")
    except UsedUp as refusal:
        messages.error(request, f"{refusal} Your answers are kept.")
    except throttle.Throttled as limit:
        wait = throttle.in_words(limit.wait_s)
        messages.error(request, f"You asked often. Your answers are kept; wait {wait}, then ask.")


@login_required
@require_POST
@may_be_gone
def ask(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask once more with the same answers."""
    draft = own_draft(request, pk)
    try:
        _ask(request, draft)
    except mission_builder.SurveyIncomplete as error:
        messages.error(request, next(iter(error.problems.values())))
        wrong = [one for one in STEPS if error.problems.keys() & set(one.fields)]
        return redirect("coach:step", draft.pk, (wrong or STEPS)[0].slug)
    except mission_builder.NotNow:
        pass  # the page it leads to shows how it stands
    return redirect(draft)


@login_required
@require_http_methods(["GET", "POST"])
@may_be_gone
def show(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A draft as it stands: a wait, a failure, or the proposal to be changed and confirmed."""
    draft = own_draft(request, pk)
    if draft.mission is not None:
        return redirect(draft.mission)
    if draft.outcome == Outcome.SURVEY:
        return redirect("coach:step", draft.pk, _first_open(draft).slug)
    if draft.outcome in MissionDraft.OPEN:
        return render(request, "coach/wizard/waiting.html", {"draft": draft})
    if draft.outcome == Outcome.FAILED:
        context = {"draft": draft, "failure": failure_of(draft), "helps": _helps(draft)}
        return render(request, "coach/wizard/failed.html", context)
    return _review(request, draft)


def _helps(draft: MissionDraft) -> str:
    """What a tester does best when no draft could be made: the first of the ways on."""
    if draft.failure == Incident.Kind.QUOTA:
        return "by-hand"
    failure = failure_of(draft)
    return "again" if failure is None or failure.is_retryable else "answers"


def _first_open(draft: MissionDraft) -> Step:
    return next((one for one in STEPS if _missing([one], draft.survey)), STEPS[-1])


@login_required
@require_GET
@may_be_gone
def status(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The wait, asked for again by the page until there is something else to see."""
    draft = own_draft(request, pk)
    if draft.outcome in MissionDraft.OPEN:
        return render(request, "coach/wizard/_waiting.html", {"draft": draft})
    return HttpResponse(headers={"HX-Redirect": draft.get_absolute_url()})


def _review(request: HttpRequest, draft: MissionDraft) -> HttpResponse:
    form = ReviewForm(request.POST or None, draft=draft)
    is_outdated = form.is_outdated()
    if request.POST.get("go") == "answers" and (is_outdated or not form.has_changed()):
        return _to_answers(request, draft, form)
    if is_outdated and form.is_bound:
        form.refuse_as_outdated()
    elif form.is_valid():
        try:
            return _reviewed(request, draft, form)
        except mission_builder.Invalid as error:
            if _is_of_answers(error.problems) and request.POST.get("go") == "answers":
                return _to_answers(request, draft, form)
            form.refuse(error.problems)
        except mission_builder.Stale as error:
            form.show_what_changed(error.current)
        except mission_builder.AlreadyMade:
            return redirect(draft)
        except mission_builder.NotNow as refusal:
            messages.error(request, str(refusal))
            return redirect(draft)
    context = {"draft": draft, "form": form, "failure": failure_of(draft)}
    return render(request, "coach/wizard/review.html", context)


def _reviewed(request: HttpRequest, draft: MissionDraft, form: ReviewForm) -> HttpResponse:
    now, version, go = timezone.now(), form.cleaned_data["updated_at"], request.POST.get("go")
    mission_builder.change(draft, form.as_proposal(), now, expected=version)
    if go == "confirm":
        mission = mission_builder.confirm(draft, now)
        messages.success(request, CONFIRMED)
        return redirect(mission)
    messages.success(request, SAVED)
    return redirect("coach:step", draft.pk, STEPS[0].slug) if go == "answers" else redirect(draft)


def _is_of_answers(problems: Mapping[str, str]) -> bool:
    """Nothing is wrong with the draft itself: the way on is to change the answers."""
    return all(path.startswith("survey.") for path in problems)


def _to_answers(request: HttpRequest, draft: MissionDraft, form: ReviewForm) -> HttpResponse:
    if form.has_changed():
        messages.error(request, NOT_SAVED)
    return redirect("coach:step", draft.pk, STEPS[0].slug)


@login_required
@require_http_methods(["GET", "POST"])
@may_be_gone
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Asks once: a discarded draft is gone, answers and all."""
    draft = own_draft(request, pk)
    if request.method == "GET" and draft.mission is None:
        return render(request, "coach/wizard/discard.html", {"draft": draft})
    try:
        mission_builder.discard(draft, timezone.now())
    except mission_builder.AlreadyMade as refusal:
        messages.error(request, str(refusal))
        return redirect(draft)
    messages.success(request, "Discarded.")
    return redirect("coach:new")

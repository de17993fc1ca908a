import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.conf import settings as site
from django.template.loader import render_to_string

from accounts.models import User
from coach import brief, brief_mail, workout_picture
from coach.checkin import links
from coach.models import MissionRun
from missions.models import Mission
from notifications import unsubscribing
from notifications.mail import Mail
from tests import mails
from tests.coach.samples import RECOVER, decision, reply
from tests.factories import NOW, TODAY

# What the best known readers of mail show without a click.
MOST_BYTES = 102 * 1000
RIDER_IN_THE_US = User(
    pk=1,
    email="tester@example.org",
    timezone="America/New_York",
    clock="12",
    date_order="mdy",
    first_weekday=6,
    units="imperial",
)
AGAIN = "One tap, and the coach thinks again for today."
ILL = "Training guidance, not medical advice: if you feel ill, stop and ask a clinician."


def home() -> str:
    return f"http://127.0.0.1:{site.PORT}"


def sent(run: MissionRun) -> Mail:
    return brief_mail.of(run)


def shown(html: str) -> str:
    """The words of a body, in one line."""
    words = re.sub(r"<head>.*</head>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(words).replace("\u034f\u200c\xa0", "").split())


def check_in(run: MissionRun) -> list[str]:
    told = [f"- {one.label}: {one.url}" for one in links.of_morning(run.mission, TODAY)]
    return ["HOW ARE YOU THIS MORNING?", *told, AGAIN, ""]


def choice() -> list[str]:
    return [
        f"Stop these mails: {unsubscribing.Link(1, unsubscribing.Wish.BRIEFS).url}",
        f"Choose which mails you want: {home()}/settings",
    ]


def footer() -> list[str]:
    return [
        "--",
        f"You get this because you train for Tour of the Valleys with Lanterne Rouge, {home()}/",
        "The next brief comes on Sunday 5 July, 06:00.",
        ILL,
        *choice(),
        "Sandbox: stand-in servers, invented data.",
    ]


def test_text_says_everything_in_the_order_of_the_morning() -> None:
    run = mails.run(decided=mails.THRESHOLD)

    assert sent(run).text.splitlines() == [
        "Push: 60 min, high intensity",
        "",
        "Tour of the Valleys, Saturday 4 July 2026",
        "",
        mails.THRESHOLD["reason"],
        "",
        "Confidence 80 %.",
        "",
        "READINESS",
        "- Readiness 82 of 100 (Oura, 1 h ago; your minimum is 70)",
        "- Form (TSB) −4.2 (Strava, 8 min ago; your minimum is −15)",
        "- Sleep 7.5 h (Oura, 1 h ago; 7-day average 7.2 h)",
        "- HRV 53 ms (Oura, 1 h ago; your usual is 51 ms)",
        "- Resting heart rate 50 bpm (Oura, 1 h ago; your usual is 51 bpm)",
        "- Hard rides this week 1 (Strava, 8 min ago)",
        "",
        "WORKOUT",
        "Threshold intervals, 60 min",
        "Three blocks at threshold, with full recoveries between them.",
        "- Z1 recovery: 36 min",
        "- Z4 threshold: 24 min",
        "Your FTP is 220 W. About 42 load points.",
        "- 15 min Z1, warm-up, 45 to 65 % of FTP, 99 to 143 W: Spin it up, 85 to 95 rpm.",
        "- 3 times:",
        "    - 8 min Z4, steady, 95 to 100 % of FTP, 209 to 220 W: Even power, seated.",
        "    - 4 min Z1, easy, 45 to 50 % of FTP, 99 to 110 W",
        "- 9 min Z1, cool-down, 55 to 40 % of FTP, 121 to 88 W",
        "",
        "EVENT STRATEGY",
        "30 days to go",
        (
            "The event begins on Monday 3 August. Phase: build. Fitness (CTL) 48.1; you aim at 60. "
            "Keep tomorrow easy: the long ride on Sunday counts more."
        ),
        "",
        "MISSING",
        "Nothing: every number that matters was in.",
        "",
        *check_in(run),
        "WHAT WOULD CHANGE TODAY’S CALL",
        "- Readiness 82. Below 70 (12 lower): nothing hard.",
        "- Monotony of the week 1.31. Above 2 (0.7 more): it is marked.",
        (
            "- Fitness (CTL) gained in a week with it 2.2 points. Above 5 points (2.8 points "
            "more): it is marked."
        ),
        "",
        f"View full recommendation: {home()}/runs/{run.pk}",
        "",
        *footer(),
    ]


def test_text_of_a_day_of_rest_names_what_is_not_known() -> None:
    run = mails.run(known=mails.UNKNOWN, decided={**RECOVER, "workout_plan": None, "evidence": []})

    lines = sent(run).text.splitlines()

    assert lines[0] == "Recover: no riding today"
    assert lines[lines.index("READINESS") : lines.index("HOW ARE YOU THIS MORNING?")] == [
        "READINESS",
        "- Readiness unknown (the sleep of last night is not in yet; your minimum is 70)",
        "- Form (TSB) −4.2 (Strava, 8 min ago; your minimum is −15)",
        "- Sleep unknown",
        "- HRV unknown",
        "- Resting heart rate unknown",
        "",
        "WORKOUT",
        "No riding today.",
        "",
        "EVENT STRATEGY",
        "30 days to go",
        "The event begins on Monday 3 August. Phase: build. Fitness (CTL) 48.1; you aim at 60.",
        "",
        "MISSING",
        "- Readiness (the sleep of last night is not in yet)",
        "- HRV",
        "- Resting heart rate",
        "- Last night’s sleep",
        "- Your FTP",
        "",
    ]


def test_short_brief_says_what_to_do_why_what_was_missing_and_no_more() -> None:
    run = mails.run(known={"metrics.hrv": None}, brief_detail=Mission.BriefDetail.SHORT)

    mail = sent(run)

    assert mail.text.splitlines() == [
        "Maintain: 60 min, moderate intensity",
        "",
        "Tour of the Valleys, Saturday 4 July 2026",
        "",
        reply()["reason"],
        "",
        "MISSING",
        "- HRV",
        "",
        *check_in(run),
        f"View full recommendation: {home()}/runs/{run.pk}",
        "",
        *footer(),
    ]
    assert shown(mail.html) == " ".join(
        [
            "Maintain: 60 min, moderate intensity",
            "Lanterne Rouge",
            "Maintain: 60 min, moderate intensity",
            "Tour of the Valleys, Saturday 4 July 2026",
            reply()["reason"],
            "Missing HRV How are you this morning? Fine Tired Sick No time today",
            AGAIN,
            "View full recommendation You get this because you train for Tour of the Valleys with",
            "Lanterne Rouge ; the next brief comes on Sunday 5 July, 06:00.",
            ILL,
            "Stop these mails , or choose in Settings which you want.",
            "Sandbox: stand-in servers, invented data.",
        ]
    )
    assert mail.picture is None


@pytest.mark.parametrize("name", ["brief", "brief-event", "brief-unknown"])
def test_html_says_what_the_text_says_in_the_same_order(name: str) -> None:
    mail = mails.briefs()[name]
    lines = re.sub(r"http\S+", "", mail.text.partition("\n--\n")[0]).splitlines()

    titles = [unescape(one).upper() for one in re.findall("<h2[^>]*>([^<]+)<", mail.html)]
    assert titles == [line for line in lines if line.isupper() and not line.startswith("-")]
    in_html, in_text = (
        set(re.findall(r"[\w−%]+(?:\.\w+)*", words.lower()))
        for words in (shown(mail.html), " ".join(lines))
    )
    assert in_text - in_html == set()


def test_subject_is_the_agreed_one() -> None:
    run = mails.run()

    assert sent(run).subject == "Lanterne Rouge Daily Brief – Tour of the Valleys (4 July 2026)"


def test_subject_of_a_brief_made_anew_says_so_first() -> None:
    run = mails.run(superseded=[{"asked": 1}])

    assert sent(run).subject == (
        "Again: Lanterne Rouge Daily Brief – Tour of the Valleys (4 July 2026)"
    )


def test_first_line_is_the_preheader_once_and_the_heading() -> None:
    html = mails.briefs()["brief"].html

    _, body = html.split("<body")
    before, after = body.split("<h1")
    assert before.count("Push: 60 min, high intensity") == 1
    assert shown(f"<body{before}").startswith("Push: 60 min, high intensity")
    assert after.count("Push: 60 min, high intensity") == 1


def test_rider_in_the_us_reads_it_as_they_write() -> None:
    run = mails.run(RIDER_IN_THE_US)

    mail = sent(run)

    assert mail.subject == "Lanterne Rouge Daily Brief – Tour of the Valleys (July 4, 2026)"
    for text in (mail.text, mail.html):
        assert "Tour of the Valleys, Saturday, July 4, 2026" in text
        assert "Monday, August 3" in text
        # The mission's mornings are in Paris.
        assert "comes on Sunday, July 5, 12:00 am (6:00 am in Paris)." in text.replace("\n", "")
    none = brief_mail.of_none(run)
    for text in (none.text, none.html):
        assert "The next brief is due on Sunday, July 5, 12:00 am (6:00 am in Paris)." in text
    assert brief_mail.of_none(run).subject == (
        "Lanterne Rouge: no guidance today – Tour of the Valleys (July 4, 2026)"
    )


def test_picture_stands_in_the_html_with_its_words() -> None:
    mail = mails.briefs()["brief"]

    (image,) = re.findall(r"<img[^>]*>", mail.html)
    assert 'src="cid:picture"' in image
    assert 'alt="60 min: 15 min Z1, 3 times 8 min Z4 and 4 min Z1, 9 min Z1."' in image
    plan = decision(mails.THRESHOLD).workout_plan
    assert plan is not None
    assert mail.picture == workout_picture.png(plan)


def longest() -> dict[str, Any]:
    """As long as a reply may be in every part of it."""
    step = mails.step("recovery", 3_599, 101.5, 102.5, "x" * 120)
    return {
        "reason": "r" * 1_500,
        "flags": ["f" * 120] * 12,
        "evidence": [
            {"metric": path, "value": 1.0} for path in brief.CHIPS if path != "athlete.ftp"
        ][:12],
        "workout_plan.type": "t" * 60,
        "workout_plan.description": "d" * 800,
        "workout_plan.steps": [{"kind": "repeat", "count": 2, "steps": [step] * 10}] * 40,
        "mode_rationale": "m" * 600,
        "strategic_notes": "n" * 800,
        "bonus_opportunities": ["consecutive_5"] * 12,
        "recommended_ride_mode": "gc",
        "expected_points": 10,
    }


def test_longest_brief_is_shown_in_full() -> None:
    run = mails.run(known=mails.STAGE, decided=longest())

    mail = sent(run)

    assert 40_000 < len(mail.html.encode()) < MOST_BYTES
    assert "And 360 more: see the full recommendation." in mail.text
    assert "And 360 more: see the full recommendation." in mail.html


def test_brief_says_what_was_said_that_morning() -> None:
    health = {"health.feel": 2, "health.illness": "above_neck", "health.is_checked_in": True}
    run = mails.run(known=health)

    mail = sent(run)
    page = render_to_string("coach/_brief.html", {"run": run, "brief": brief.of(run, NOW)})

    for text in (mail.text, mail.html, page):
        assert "You said: tired; a cold." in text


def test_brief_of_a_day_that_is_over_has_no_links_of_its_morning() -> None:
    run = mails.run(local_date=TODAY - timedelta(days=1))

    assert brief_mail.context(run)["check_in_links"] == []


def test_mail_of_a_failed_run_tells_it_plainly_and_invents_nothing() -> None:
    mail = mails.no_brief()

    assert mail.text.splitlines() == [
        "No guidance today.",
        "",
        "Tour of the Valleys, Saturday 4 July 2026",
        "",
        "No brief that passes our checks came out of today’s run, so there is none.",
        "Nothing was invented in its place, and there is no workout.",
        "",
        "The operators have been told. The next brief is due on Sunday 5 July, 06:00.",
        "",
        f"See what happened: {home()}/runs/{mails.KEY}",
        "",
        "--",
        f"You get this because you train for Tour of the Valleys with Lanterne Rouge, {home()}/",
        ILL,
        *choice(),
        "Sandbox: stand-in servers, invented data.",
    ]
    assert mail.picture is None


def test_steps_are_told_up_to_a_length_that_is_shown() -> None:
    made = brief.of(mails.run(decided=longest()), NOW)
    assert made is not None
    blocks, left = brief_mail.first_lines(made.blocks)

    assert [len(block.lines) for block in blocks] == [10, 10, 10, 10]
    assert left == 360
    one = replace(made.blocks[0], lines=made.blocks[0].lines[:7])
    assert brief_mail.first_lines([one]) == ([one], 0)

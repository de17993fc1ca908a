from coach.checkin import words
from coach.models import CheckIn
from coach.situation import Health
from tests.factories import TODAY


def test_health_is_told_as_it_was_said() -> None:
    told = [
        (Health(), []),
        (Health(is_checked_in=True), []),
        (Health(feel=1), ["awful"]),
        (Health(feel=5, soreness=0), ["great", "not sore"]),
        (Health(soreness=2), ["very sore"]),
        (Health(illness="fever"), ["fever"]),
        (Health(feel=1, illness="below_neck"), ["awful", "ill below the neck"]),
        (Health(illness="stomach_bug"), ["stomach bug"]),
        (Health(injury="sore lower back"), ["sore lower back"]),
        # No answer of ours, and still no reason for a page to fail.
        (Health(feel=7, soreness=-1), ["feel 7 of 5", "soreness -1 of 2"]),
        (Health(red_flags=("palpitations",)), ["palpitations"]),
    ]

    for health, said in told:
        assert words.of_health(health) == said


def test_check_in_is_told_with_time_and_note() -> None:
    told = [
        (CheckIn(local_date=TODAY, feel=3), ["okay"]),
        (CheckIn(local_date=TODAY, illness="none"), ["not ill"]),
        (CheckIn(local_date=TODAY, injury_place="knee"), ["knee"]),
        (CheckIn(local_date=TODAY, minutes_today=0), ["no time to ride today"]),
        (CheckIn(local_date=TODAY, minutes_today=45), ["45 min to ride today"]),
        (CheckIn(local_date=TODAY, note="<b>Rain</b>"), ["“<b>Rain</b>”"]),
    ]

    for check_in, said in told:
        assert words.of_check_in(check_in) == said

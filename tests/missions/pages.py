"""A form as a browser sends it: read from the page, nothing assumed."""

from collections.abc import Sequence
from html.parser import HTMLParser


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, str] = {}
        self.name = ""
        self.is_text = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        kind = told.get("type", "text")
        is_chosen = kind != "submit" and (kind != "checkbox" or "checked" in told)
        is_sent = is_chosen and "disabled" not in told
        if tag == "input" and told.get("name") and is_sent:
            value = told.get("value", "on" if kind == "checkbox" else "")
            self.answers[told["name"]] = value
        elif tag in {"select", "textarea"}:
            self.name, self.is_text = told.get("name", ""), tag == "textarea"
            self.answers[self.name] = ""
        elif tag == "option" and "selected" in told:
            self.answers[self.name] = told.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # The page writes a line break first, which a browser drops.
            self.answers[self.name] = self.answers[self.name].removeprefix("\n")
            self.is_text = False

    def handle_data(self, data: str) -> None:
        if self.is_text:
            self.answers[self.name] += data.replace("\r\n", "\n")


def sent_by(html: str) -> dict[str, str]:
    """The name and value of every field of a page, without its buttons."""
    form = _Form()
    form.feed(html)
    form.close()
    return form.answers


# The points of every mission at first, as its page sends them; without points a bonus is left out.
POINTS = {
    "points_schema_flat_gc": "5",
    "points_schema_flat_breakaway": "8",
    "points_schema_hilly_gc": "7",
    "points_schema_hilly_breakaway": "11",
    "points_schema_mountain_gc": "10",
    "points_schema_mountain_breakaway": "15",
    "points_schema_itt_gc": "4",
    "points_schema_itt_breakaway": "6",
    "points_schema_mtn_itt_gc": "6",
    "points_schema_mtn_itt_breakaway": "9",
    "points_schema_bonus_0_kind": "consecutive",
    "points_schema_bonus_0_threshold": "5",
    "points_schema_bonus_0_points": "5",
    "points_schema_bonus_1_kind": "breakaway",
    "points_schema_bonus_1_threshold": "10",
    "points_schema_bonus_1_points": "15",
    "points_schema_bonus_2_kind": "consecutive",
    "points_schema_bonus_2_threshold": "",
    "points_schema_bonus_2_points": "",
    "points_schema_bonus_3_kind": "breakaway",
    "points_schema_bonus_3_threshold": "",
    "points_schema_bonus_3_points": "",
    "points_schema_bonus_4_kind": "all_mountains_breakaway",
    "points_schema_bonus_4_threshold": "60",
    "points_schema_bonus_4_points": "",
    "points_schema_bonus_5_kind": "final_week_complete",
    "points_schema_bonus_5_threshold": "60",
    "points_schema_bonus_5_points": "",
    "points_schema_bonus_6_kind": "all_gc",
    "points_schema_bonus_6_threshold": "60",
    "points_schema_bonus_6_points": "",
}

# The form of a mission as its page sends it, for what `factories.mission` makes.
ANSWERS = {
    "name": "Tour of the Valleys",
    "mission_type": "road_stage_race",
    "event_style": "steady",
    "prep_start": "2026-05-05",
    "event_start": "2026-08-03",
    "event_end": "2026-08-07",
    "timezone": "Europe/Paris",
    "send_time": "06:00",
    "wait_minutes": "120",
    "brief_detail": "full",
    "is_brief_mailed": "on",
    "weekly_minutes_min": "",
    "weekly_minutes": "420",
    **{f"weekday_minutes_{day}": "90" for day in range(7)},
    "blackout_dates": "",
    "restrictions": "",
    "min_readiness": "70",
    "min_tsb": "-15",
    "force_rest_readiness": "60",
    "force_rest_tsb": "-20",
    "max_ramp_rate": "8",
    "max_consecutive_hard_days": "2",
    "max_hard_sessions_per_week": "3",
    "max_rhr": "",
    "max_zone": "",
    "rhr_rise_bpm": "7",
    "max_days_without_rest": "6",
    "usual_ramp_rate": "5",
    "max_load_pct": "150",
    "max_monotony": "2",
    "new_tester_minutes": "75",
    "jet_lag_hours": "3",
    **{f"targets_{target}": "" for target in range(4)},
    **POINTS,
    "notes": "",
}

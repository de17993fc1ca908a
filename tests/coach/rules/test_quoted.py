from coach.rules.quoted import quotes

# A text, and the numbers beside a name that are read out of it.
READ: dict[str, list[tuple[str, float]]] = {
    "Readiness is 82.": [("metrics.readiness", 82)],
    "Your readiness is good at 82/100.": [("metrics.readiness", 82)],
    "readiness (82) and TSB (−4.2)": [("metrics.readiness", 82), ("metrics.tsb", -4.2)],
    "form (TSB) of -4.2": [("metrics.tsb", -4.2)],
    "TSB is minus 4": [("metrics.tsb", -4)],
    "CTL 48.1, ATL 52": [("metrics.ctl", 48.1), ("metrics.atl", 52)],
    "HRV 53 ms": [("metrics.hrv", 53)],
    "resting heart rate of 50 bpm": [("metrics.rhr", 50)],
    "You slept 7.5 h.": [("metrics.sleep_h", 7.5)],
    "You slept for 7 h 30 min.": [("metrics.sleep_h", 7.5)],
    "readiness is below your minimum of 70": [("metrics.readiness", 70)],
    "an FTP of 220 W": [("athlete.ftp", 220)],
    # Nothing beside a name.
    "CTL and ATL are 48 and 52": [],
    "your HRV 7-day mean": [],
    "65 % of FTP (143 W)": [],
    "at FTP for 8 minutes": [],
    "at FTP 3 x 8 min": [],
    "Aim for 8 hours of sleep tonight, and sleep for 8 h.": [],
    "With your readiness, 60 minutes are right.": [],
    "a warm-up ramp from 45 to 75 %": [],
    "keep good form for 20 minutes": [],
    "in the form of 3 intervals": [],
    "Ride 60 minutes in zone 2.": [],
    "heart rate below 140": [],
}


def test_numbers_beside_a_name_are_read_and_no_others() -> None:
    read = {text: [(one.named.path, one.value) for one in quotes(text)] for text in READ}

    assert read == READ


def test_comparisons_and_distances_are_known_as_such() -> None:
    told = {
        text: [(one.is_compared, one.is_distance) for one in quotes(text)]
        for text in (
            "readiness is 82",
            "your minimum readiness is 70",
            "resting heart rate is 8 bpm above your baseline",
        )
    }

    assert told == {
        "readiness is 82": [(False, False)],
        "your minimum readiness is 70": [(True, False)],
        "resting heart rate is 8 bpm above your baseline": [(False, True)],
    }

class NotARideFile(Exception):
    """The file cannot be read as a ride; the message tells the tester why and what to do."""


class TooLarge(NotARideFile):
    """It may be a ride, but it holds more than may be read here."""


KINDS = "Send the .fit, .tcx or .gpx file of the ride itself."
DAMAGED = (
    "It is damaged: what is in it does not fit together. Copy it from the device again, or "
    "download it again, and send the new one."
)
CUT_OFF = (
    "It stops before its end, so a copy was cut off. Copy it from the device again, or download "
    "it again, and send the new one."
)
NO_TIME = (
    "Nothing in it says when it was ridden; it may be a route to follow. Send the recording, with "
    "its times, not the route."
)
TOO_MUCH = (
    "It holds far more than a week of riding leaves behind. Send each ride as a file of its own, "
    "as the device recorded it."
)

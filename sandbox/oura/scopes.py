"""What an Oura user can share, and which of it each route takes.

Neither Oura's scope table nor its specification says which route needs which; those beyond the
published eight are the ones its own refusals name.
"""

SCOPES = {
    "personal": "Age, weight, height and sex",
    "daily": "Daily summaries of sleep, activity and readiness",
    "heartrate": "Heart rate over time",
    "workout": "Workouts",
    "session": "Sessions in the app",
    "tag": "Tags",
    "stress": "Stress and resilience",
    "heart_health": "Cardio capacity and cardiovascular age",
    "spo2": "Blood oxygen during sleep",
    "ring_configuration": "The ring itself",
    "email": "E-mail address",
}
NEEDED = {
    "personal_info": "personal",
    "daily_readiness": "daily",
    "daily_sleep": "daily",
    "sleep": "daily",
    "daily_activity": "daily",
    "rest_mode_period": "daily",
    "daily_stress": "stress",
    "daily_resilience": "stress",
    "vO2_max": "heart_health",
    "heartrate": "heartrate",
}
# Some apps ask by the longer name, and the token endpoint has been seen to answer with it.
PREFIX = "extapi:"


def known(asked: str) -> list[str]:
    """The scopes of a request, separated by spaces; what is unknown drops out without a word."""
    names = dict.fromkeys(name.removeprefix(PREFIX) for name in asked.split())
    return [name for name in names if name in SCOPES]

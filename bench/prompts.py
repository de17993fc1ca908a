"""How much a day costs to ask about: characters, and tokens as they are estimated from them."""

import os
import sys

import django

YARDSTICK_TOKENS = 3_500
# Measured once with o200k_base, the tokens of the models in use: 10,115 characters of a training
# day are 2,942 of them, 11,033 of a stage day 3,202. Offline nobody can count them again.
CHARS_PER_TOKEN = 3.4


def main() -> int:
    os.environ.setdefault("DEBUG", "1")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")
    django.setup()
    # Only importable once Django is set up.
    from coach import prompts  # noqa: PLC0415  as above
    from tests.coach import days  # noqa: PLC0415  as above
    from tests.coach.samples import situation  # noqa: PLC0415  as above

    failed = 0
    typical = {"training day": days.TYPICAL, "stage day": days.OF_AN_EVENT, "rest day": days.REST}
    for name, day in {**typical, "longest day": days.LONGEST}.items():
        prompt = prompts.for_day(situation(day))
        system, user = len(prompt.system), len(prompt.user)
        tokens = (system + user) / CHARS_PER_TOKEN
        failed |= name in typical and tokens > YARDSTICK_TOKENS
        print(
            f"{name}: {system:,} characters that stay and {user:,} of the day, "
            f"about {tokens:,.0f} tokens"
        )
    print(
        f"A typical day: at most {YARDSTICK_TOKENS:,} tokens. The reply's schema is sent besides."
    )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

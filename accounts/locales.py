"""How somebody probably reads, from the languages their browser asks for. Pure.

Only a beginning: whoever registers can change each of them in Settings.
"""

from django.utils.translation.trans_real import parse_accept_lang_header

from accounts.formats import NOBODY, Reader
from accounts.models import User

# Regions after the Unicode CLDR; what a region is not named for, it has as most of the world does.
MILES = frozenset({"us", "gb", "lr"})
HALF_DAYS = frozenset(
    {*("us", "ca", "au", "nz", "in", "ph", "pk", "bd", "my", "sg", "hk", "co", "eg", "sa", "kr")}
)
MONTH_FIRST = frozenset({"us", "ca", "ph"})
YEAR_FIRST = frozenset({"cn", "tw", "hk", "jp", "kr", "hu", "lt", "mn"})
FROM_SUNDAY = frozenset(
    {
        *("us", "ca", "mx", "br", "co", "ve", "pe", "za", "il", "in", "pk", "bd", "ph", "jp", "kr"),
        *("tw", "hk", "sg", "th", "id", "sa", "pt"),
    }
)
FROM_SATURDAY = frozenset({"eg", "dz", "iq", "ir", "jo", "kw", "om", "qa", "bh", "ly", "sy"})
# Where a language alone says how its speakers write; English alone says nothing.
AT_HOME = {"ja": "jp", "ko": "kr", "zh": "cn", "hu": "hu", "lt": "lt", "he": "il"}


def reader_of(accept_language: str) -> Reader:
    """How the header's owner reads: by the best-liked language that tells."""
    for tag, _ in parse_accept_lang_header(accept_language):
        language, region = _parts(tag)
        if region or language not in {"en", "*"}:
            return _of_region(language, region)
    return NOBODY


def _parts(tag: str) -> tuple[str, str]:
    """Of zh-hant-tw the language and the region, which for some languages goes without saying."""
    language, *rest = tag.split("-")
    regions = [part for part in rest if len(part) == 2]
    return language, regions[0] if regions else AT_HOME.get(language, "")


def _of_region(language: str, region: str) -> Reader:
    is_french = (language, region) == ("fr", "ca")  # written as in France, but for the week
    clock = User.Clock.H12 if region in HALF_DAYS and not is_french else User.Clock.H24
    order = User.DateOrder.DAY_FIRST
    if region in YEAR_FIRST:
        order = User.DateOrder.YEAR_FIRST
    elif region in MONTH_FIRST and not is_french:
        order = User.DateOrder.MONTH_FIRST
    weekday = User.Weekday.MONDAY
    if region in FROM_SUNDAY | FROM_SATURDAY:
        weekday = User.Weekday.SUNDAY if region in FROM_SUNDAY else User.Weekday.SATURDAY
    units = User.Units.IMPERIAL if region in MILES else User.Units.METRIC
    return Reader(units, clock, order, weekday)

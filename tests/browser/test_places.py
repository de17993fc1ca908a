"""The list of looked-at pages is whole: held against the table of routes; needs no browser."""

from tests.browser.places import NOT_LOOKED_AT, PLACES
from tests.lanterne.test_routes import rows


def pages() -> set[str]:
    """Every route that shows somebody something when it is asked for."""
    return {row.route for row in rows() if row.method == "GET" and "200" in row.answers}


def test_every_page_is_looked_at_or_has_a_reason() -> None:
    looked_at = {place.route for place in PLACES}

    assert {
        route for route in pages() - looked_at if not route.startswith(tuple(NOT_LOOKED_AT))
    } == set()


def test_every_place_is_a_route_and_has_a_name_of_its_own() -> None:
    known = {row.route for row in rows()}
    names = [place.name for place in PLACES]

    assert [place for place in PLACES if place.route not in known] == []
    assert len(names) == len(set(names))


def test_every_reason_is_about_a_route() -> None:
    known = {row.route for row in rows()}

    assert [
        begin for begin in NOT_LOOKED_AT if not any(route.startswith(begin) for route in known)
    ] == []

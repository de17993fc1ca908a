import pytest
from django.conf import LazySettings
from django.http import Http404
from django.test import RequestFactory
from django.urls import URLPattern

from sandbox.urls import urlpatterns


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: pattern.name)
@pytest.mark.parametrize("switch", ["DEBUG", "SANDBOX"])
def test_address_outside_a_sandbox_is_not_found(
    pattern: URLPattern, switch: str, rf: RequestFactory, settings: LazySettings
) -> None:
    settings.DEBUG = settings.SANDBOX = True
    setattr(settings, switch, False)

    with pytest.raises(Http404):
        pattern.callback(rf.get("/"))

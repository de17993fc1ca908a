"""From a source's name to the class that speaks for it."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from connections import sources
from connections.providers.base import ApiProvider, Metric, Provider


class NotAnApi(LookupError):
    """The source is not one that is read over an API, or not in this way."""


def provider_of(name: str) -> Provider:
    """Raises KeyError for a name that settings.SOURCES does not list."""
    return _made(settings.SOURCES[name]["PROVIDER"])


def api_of(name: str) -> ApiProvider:
    provider = provider_of(name)
    if not isinstance(provider, ApiProvider):
        raise NotAnApi(name)
    return provider


def is_uploaded(name: str) -> bool:
    """Whether a source comes as files of the tester's; False for one that there is not."""
    return name in settings.SOURCES and not isinstance(provider_of(name), ApiProvider)


def that_takes_tokens(name: str) -> ApiProvider:
    """Raises NotAnApi for a source that is not listed, or takes none."""
    for provider in all_apis():
        if provider.name == name and provider.takes_pasted_token:
            return provider
    raise NotAnApi(name)


def all_providers() -> list[Provider]:
    return [provider_of(name) for name in sources.names()]


def all_apis() -> list[ApiProvider]:
    return [provider for provider in all_providers() if isinstance(provider, ApiProvider)]


def that_tell(metric: Metric) -> list[str]:
    """The names of the sources that have a metric, in their usual order."""
    return [provider.name for provider in all_providers() if metric in provider.tells]


@cache
def _made(path: str) -> Provider:
    provider: Provider = import_string(path)()
    return provider

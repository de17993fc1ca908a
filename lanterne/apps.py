from django.apps import AppConfig
from django.contrib.admin import apps as admin


class LanterneConfig(AppConfig):
    name = "lanterne"

    def ready(self) -> None:
        from lanterne import checks, source_checks  # noqa: F401, PLC0415  needs loaded settings


class ConsoleConfig(admin.AdminConfig):
    """The Django admin, with our console as its site."""

    default = False
    default_site = "lanterne.console.Console"

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from notifications import feedback  # noqa: F401, PLC0415  connecting needs loaded models

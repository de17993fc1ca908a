from django.urls import path

from notifications import pages, webhooks

app_name = "notifications"

urlpatterns = [
    path("mail/unsubscribe/<str:token>", pages.unsubscribe, name="unsubscribe"),
    path("mail/send-again", pages.send_again, name="send-again"),
    # As in the documentation of django-anymail, which reads what arrives here.
    path("anymail/<slug:provider>/tracking/", webhooks.receive, name="feedback"),
]

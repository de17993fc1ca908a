from django.urls import path

from coach import views
from coach.builder import wizard

app_name = "coach"

urlpatterns = [
    path("missions/<uuid:pk>/run-now", views.run_now, name="run-now"),
    path("missions/<uuid:pk>/wrap-up", views.wrap_up_page, name="wrap-up"),
    path("runs/<uuid:pk>/status", views.run_status, name="run-status"),
    path("missions/new", wizard.new, name="new"),
    path("missions/drafts/keep", wizard.keep, name="keep"),
    path("missions/drafts/<uuid:pk>", wizard.show, name="draft"),
    path("missions/drafts/<uuid:pk>/ask", wizard.ask, name="draft-ask"),
    path("missions/drafts/<uuid:pk>/status", wizard.status, name="draft-status"),
    path("missions/drafts/<uuid:pk>/discard", wizard.discard, name="draft-discard"),
    path("missions/drafts/<uuid:pk>/<slug:slug>", wizard.step, name="step"),
]

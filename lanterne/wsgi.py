import os

from django.core.wsgi import get_wsgi_application

from lanterne.starting import require_sound_setup
from lanterne.whole_body import whole

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lanterne.settings")

application = whole(get_wsgi_application())
require_sound_setup()

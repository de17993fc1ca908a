"""Says what to do when there is no Chromium: `python -m tests.browser`."""

import shutil
import sys

if not (shutil.which("chromium") or shutil.which("chromium-browser")):
    sys.exit("These tests need Chromium. On Debian: apt-get install chromium")

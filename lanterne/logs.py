"""What is taken out of other programs' log lines before anybody writes them."""

import logging
import re
from pathlib import Path
from traceback import walk_tb

# Behind these stands a key that opens something: of a link that was mailed, or of a calendar.
LINK_WITH_KEY = re.compile(
    r"(/auth/(?:confirm|password-reset)/|/check-in/|/mail/unsubscribe/|/calendar/)[^\s'\"]+"
)
ROOT = Path(__file__).resolve().parent.parent


class WithoutCodes(logging.Filter):
    """For the loggers that name the path of what was refused; the request itself goes altogether.

    Whoever prints a request prints its address, and with it the codes of sources and mails.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = LINK_WITH_KEY.sub(r"\1…", record.getMessage())
        record.args = ()
        vars(record).pop("request", None)
        return True


class WithoutValues(logging.Filter):
    """For Celery's lines about what broke off: the error's kind and place, not its message.

    A database names the row it refuses, and with it the tester's values.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        vars(record).pop("data", None)
        error = record.exc_info[1] if record.exc_info else None
        record.exc_info = record.exc_text = None
        if isinstance(record.args, dict):
            told = {"exc": place_of(error)} if error else {}
            record.args = {**record.args, **told, "traceback": "", "args": "…", "kwargs": "…"}
        elif error:
            record.msg, record.args = f"A message could not be used: {place_of(error)}", ()
        return True


def place_of(error: BaseException) -> str:
    """The kind of an error and where in our own code it came up, such as `ValueError at …:12`."""
    # A pool wraps what it carries from one process to another.
    error = getattr(error, "exc", error)
    frames = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    ours = [(_in_our_code(Path(file)), line) for file, line in frames]
    places = [f"{path}:{line}" for path, line in ours if path]
    return f"{type(error).__name__} at {places[-1]}" if places else type(error).__name__


def _in_our_code(file: Path) -> str:
    if not file.is_relative_to(ROOT) or "site-packages" in file.parts:
        return ""
    return file.relative_to(ROOT).as_posix()

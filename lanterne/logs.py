"""What is taken out of Django's own log lines before anybody writes them."""

import logging
import re

# Behind these stands the key of a link that was mailed, and it may still be good.
MAILED_LINK = re.compile(r"(/auth/(?:confirm|password-reset)/|/check-in/)[^\s'\"]+")


class WithoutCodes(logging.Filter):
    """For the loggers that name the path of what was refused; the request itself goes altogether.

    Whoever prints a request prints its address, and with it the codes of sources and mails.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = MAILED_LINK.sub(r"\1…", record.getMessage())
        record.args = ()
        vars(record).pop("request", None)
        return True

"""What Amazon SES (through SNS) and SendGrid post about a mail, in the shape they really have."""

import base64
import json
from typing import Any

from django.test import Client

# That of tests/environment.py.
SECRET = "mail:hook"
AT = "2026-07-04T05:31:00.000Z"
AT_S = 1_783_143_060  # the same moment
SES_ID = "0102018f5e3c1a2b-1f0e8c4d-5b6a-4c7d-8e9f-0a1b2c3d4e5f-000000"
SENDGRID_ID = "5e7bb8a2-5f2a-4ac0-9a2c-7e0d3a1f5b10"
TO = "tester@example.org"
SES_EVENTS: dict[str, dict[str, Any]] = {
    "Bounce": {
        "feedbackId": "0102018f5e3c2000-aaaa",
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": TO,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": AT,
        "reportingMTA": "dsn; a8-70.smtp-out.eu-west-1.amazonses.com",
    },
    "Complaint": {
        "feedbackId": "0102018f5e3c3000-bbbb",
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": TO}],
        "timestamp": AT,
        "userAgent": "Yahoo!-Mail-Feedback/2.0",
        "complaintFeedbackType": "abuse",
    },
    "Delivery": {
        "timestamp": AT,
        "processingTimeMillis": 546,
        "recipients": [TO],
        "smtpResponse": "250 2.6.0 Message received",
        "reportingMTA": "a8-70.smtp-out.eu-west-1.amazonses.com",
    },
    "Send": {},
    "Reject": {"reason": "Bad content"},
}


def ses(kind: str, *, message_id: str = SES_ID, at: str = AT, **changes: Any) -> dict[str, Any]:
    """An SNS notification about one mail, as SES publishes its events."""
    event = {
        "eventType": kind,
        "mail": {
            "timestamp": "2026-07-04T05:30:00.000Z",
            "source": "coach@example.org",
            "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/example.org",
            "sendingAccountId": "123456789012",
            "messageId": message_id,
            "destination": [TO],
            "headersTruncated": False,
            "headers": [{"name": "Subject", "value": "Ease: 45 min"}],
            "commonHeaders": {"to": [TO], "messageId": message_id, "subject": "Ease: 45 min"},
            "tags": {"ses:configuration-set": ["lanterne"]},
        },
        kind.lower(): {**SES_EVENTS[kind], **changes},
    }
    return sns("Notification", Message=json.dumps(event), Timestamp=at)


def sns(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:lanterne-mail",
        "Timestamp": AT,
        "SignatureVersion": "1",
        "Signature": "EXAMPLEw6JRN",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService.pem",
        **fields,
    }


def subscription(**fields: Any) -> dict[str, Any]:
    return sns(
        "SubscriptionConfirmation",
        Token="2336412f37f",
        Message="You have chosen to subscribe to the topic.",
        **{"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Confirm", **fields},
    )


def sendgrid(kind: str, **changes: Any) -> dict[str, Any]:
    """One event of the array that SendGrid posts."""
    event = {
        "email": TO,
        "timestamp": AT_S,
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "event": kind,
        "anymail_id": SENDGRID_ID,
        "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
        "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58",
    }
    return {**event, **changes}


BOUNCED = {"type": "bounce", "reason": "550 5.1.1 no such mailbox", "status": "5.1.1", "tls": 0}
BLOCKED = {"type": "blocked", "reason": "421 try again later", "status": "4.2.0", "tls": 0}


def basic(secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}


def post_sns(message: dict[str, Any], secret: str | None = SECRET) -> int:
    """As SNS posts: plain text, with its own headers, without a cookie; the status."""
    answer = Client(enforce_csrf_checks=True).post(
        "/anymail/amazon_ses/tracking/",
        json.dumps(message),
        content_type="text/plain; charset=UTF-8",
        headers={**sns_headers(message), **(basic(secret) if secret else {})},
    )
    return answer.status_code


def sns_headers(message: dict[str, Any]) -> dict[str, str]:
    return {
        "X-Amz-Sns-Message-Type": message["Type"],
        "X-Amz-Sns-Message-Id": message["MessageId"],
        "X-Amz-Sns-Topic-Arn": message["TopicArn"],
    }


def post_sendgrid(
    events: Any, secret: str | None = SECRET, headers: dict[str, str] | None = None
) -> int:
    body = events if isinstance(events, str | bytes) else json.dumps(events)
    answer = Client(enforce_csrf_checks=True).post(
        "/anymail/sendgrid/tracking/",
        body,
        content_type="application/json",
        headers={**(headers or {}), **(basic(secret) if secret else {})},
    )
    return answer.status_code

"""Webhooks by the convention: what is signed, by whom, and when."""

import base64
import hashlib
import hmac
import time

import pytest
from standardwebhooks import Webhook

from single_window import WebhookVerificationError, verify_webhook

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
OTHER = "whsec_" + base64.b64encode(b"abcdef0123456789abcdef01").decode()
BODY = '{"type":"declaration.released","data":{"name":"declarations/x","text":"放行"}}'.encode()


def signature(secret: str, message: str, seconds: int, body: bytes = BODY) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(signatures: str, seconds: int) -> dict[str, str]:
    return {"Webhook-Id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": signatures}


def test_a_signature_of_any_secret_counts() -> None:
    now = int(time.time())
    mine = signature(SECRET, "msg_1", now)
    assert verify_webhook(BODY, headers(mine, now), SECRET)["type"] == "declaration.released"
    other = signature(OTHER, "msg_1", now)
    several = f"v1a,x {other} {mine}"
    assert verify_webhook(BODY, headers(several, now), SECRET)
    assert verify_webhook(BODY, headers(other, now), [SECRET, OTHER])


@pytest.mark.parametrize("late", [-301, 302, 86_400])
def test_what_is_old_or_of_the_future_is_refused(late: int) -> None:
    then = int(time.time()) + late
    with pytest.raises(WebhookVerificationError):
        verify_webhook(BODY, headers(signature(SECRET, "msg_1", then), then), SECRET)


@pytest.mark.parametrize("late", [-295, 295])
def test_five_minutes_are_borne(late: int) -> None:
    then = int(time.time()) + late
    assert verify_webhook(BODY, headers(signature(SECRET, "msg_1", then), then), SECRET)


def test_what_is_changed_is_refused() -> None:
    now = int(time.time())
    mine = signature(SECRET, "msg_1", now)
    for body, given in [
        (BODY + b" ", headers(mine, now)),
        (BODY, headers(mine, now + 1)),
        (BODY, headers(signature(SECRET, "msg_2", now), now)),
        (BODY, headers(signature(OTHER, "msg_1", now), now)),
        (BODY, headers("v1", now)),
        (BODY, headers("v1,***", now)),
        (BODY, headers("", now)),
        (b"\xff", headers(mine, now)),
        (BODY, {}),
    ]:
        with pytest.raises(WebhookVerificationError):
            verify_webhook(body, given, SECRET)
    with pytest.raises(WebhookVerificationError):
        verify_webhook(BODY, headers(mine, now), [])


def test_a_published_vector() -> None:
    from datetime import datetime, timezone

    secret = "whsec_plJ3nmyCDGBKInavdOK15jsl"
    body = '{"event_type":"ping","data":{"success":true}}'
    when = datetime.fromtimestamp(1731705121, tz=timezone.utc)
    signed = Webhook(secret).sign("msg_loFOjxBNrRLzqYUf", when, body)
    assert signed == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="
    assert signed == signature(secret, "msg_loFOjxBNrRLzqYUf", 1731705121, body.encode())

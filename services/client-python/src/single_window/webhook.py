"""Webhooks of the window, by the convention of Standard Webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

__all__ = ["WebhookVerificationError", "verify_webhook"]


def verify_webhook(body: bytes, headers: Mapping[str, str], secrets: str | Sequence[str]) -> Any:
    """Checks that a webhook is from the window, and reads it.

    ``body`` is what came, byte for byte. Give every secret that counts while you change them. Refused are
    wrong signatures, and times that differ from now by more than five minutes: so keep ``webhook-id`` for
    that long to know a repetition. Raises :class:`WebhookVerificationError`.
    """
    secrets = [secrets] if isinstance(secrets, str) else secrets
    why = WebhookVerificationError("there is no secret to verify it with")
    for secret in secrets:
        try:
            return Webhook(secret).verify(body, dict(headers))
        except WebhookVerificationError as error:
            why = error
        except ValueError as error:  # a header or a body that is none
            why = WebhookVerificationError(f"not a webhook: {error}")
    raise why

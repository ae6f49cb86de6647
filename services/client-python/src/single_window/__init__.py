"""Client of the cross-border e-commerce single window.

What it promises: a change is repeated only with the same request id; a watch, a reader of receipts and a
consumer of the exchange go on where they stopped; a refusal of the window is never hidden.
"""

from .consume import Consumer
from .declarations import Answer, declaration_from_json, request_id, submit_all
from .follow import Back, Entry, Following, Heartbeat, Lost, Update, receipts, watch
from .refusal import Refusal, Unreachable, Violation, WindowError
from .webhook import WebhookVerificationError, verify_webhook
from .window import Window

__all__ = [
    "Answer",
    "Back",
    "Consumer",
    "Entry",
    "Following",
    "Heartbeat",
    "Lost",
    "Refusal",
    "Unreachable",
    "Update",
    "Violation",
    "WebhookVerificationError",
    "Window",
    "WindowError",
    "declaration_from_json",
    "receipts",
    "request_id",
    "submit_all",
    "verify_webhook",
    "watch",
]

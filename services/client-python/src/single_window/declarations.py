"""Filing: one declaration's parts, and many over one stream, going on after a cut."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.protobuf import json_format

from . import refusal, retry
from .declaration.v1.declaration_service_pb2 import (
    SubmitRequest,
    SubmitResponse,
    SubmitStreamRequest,
    SubmitStreamResponse,
)
from .refusal import Refusal
from .trade.v1.declaration_pb2 import Declaration

if TYPE_CHECKING:
    from .window import Window

#: Items that are on their way at once. No more are held, however many there are.
IN_FLIGHT = 512


def request_id() -> str:
    """A new one. Store it with your document before you send."""
    return str(uuid.uuid4())


def declaration_from_json(text: str | bytes) -> Declaration:
    """Reads the JSON form of a declaration, as in docs/examples; an unknown field is an error."""
    return json_format.Parse(text, Declaration())


@dataclass(frozen=True)
class Answer:
    """How one of many went: a receipt, or why not."""

    #: Which item, from 0.
    place: int
    request_id: str
    receipt: SubmitResponse | None
    refusal: Refusal | None


def submit_all(window: Window, items: Iterable[SubmitRequest | Declaration]) -> Iterator[Answer]:
    """Files all items, each with its own answer, in their order.

    After a cut the unanswered ones are sent again with their request ids. Items are read as the window
    answers, in a thread of its own. What the window could not take now is repeated and answered later.
    Raises :class:`Refusal` when the stream ended and repeating did not help.
    """
    queue = _Items(items)
    pauses = retry.BACKOFF.pauses()
    try:
        while queue.has_more():
            before = queue.progress
            error: Refusal | None = None
            try:
                yield from _attempt(window, queue)
                error = None if not queue.has_more() else _BUSY
            except grpc.RpcError as cut:
                error = refusal.of_error(cut, window.address)
            if queue.progress != before:
                pauses = retry.BACKOFF.pauses()
            if error is None:
                continue
            pause = next(pauses, None) if retry.is_worth_repeating(error.grpc_code) else None
            if pause is None:
                raise error
            queue.closed.wait(max(pause, error.retry_after or 0))
    finally:
        queue.close()


_BUSY = Refusal(
    grpc.StatusCode.UNAVAILABLE, "", "the window could not take everything now", "单一窗口暂时无法全部受理"
)


class _Items:
    """What is to be filed: what still comes, and what was taken and has no answer."""

    def __init__(self, items: Iterable[SubmitRequest | Declaration]) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[tuple[int, SubmitRequest]] = deque()
        #: How many of them are sent on this connection.
        self.sent = 0
        #: Whether something could not be taken now: no more is taken before it was repeated.
        self.busy: list[tuple[int, SubmitRequest]] = []
        self.ended = False
        self.failure: BaseException | None = None
        self.closed = threading.Event()
        #: Grows with everything that is answered for good.
        self.progress = 0
        threading.Thread(target=self._take, args=(items,), daemon=True).start()

    def _take(self, items: Iterable[SubmitRequest | Declaration]) -> None:
        try:
            for place, item in enumerate(items):
                with self.changed:
                    self.changed.wait_for(lambda: len(self.waiting) < IN_FLIGHT or self.closed.is_set())
                    if self.closed.is_set():
                        return
                    self.waiting.append((place, _request(item)))
                    self.changed.notify_all()
        except BaseException as failure:  # handed to whoever reads the answers
            self.failure = failure
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()

    def has_more(self) -> bool:
        with self.changed:
            if self.failure is not None:
                raise self.failure
            return bool(self.waiting) or not self.ended

    def close(self) -> None:
        self.closed.set()
        with self.changed:
            self.changed.notify_all()


def _request(item: SubmitRequest | Declaration) -> SubmitRequest:
    if isinstance(item, Declaration):
        return SubmitRequest(request_id=request_id(), declaration=item)
    if not item.request_id:
        raise ValueError("each of many has its own request_id: make it, and store it with your document")
    return item


class _Attempt:
    """One stream's sending side, which the library reads in a thread of its own."""

    def __init__(self, queue: _Items) -> None:
        self.queue = queue
        self.over = False

    def requests(self) -> Iterator[SubmitStreamRequest]:
        queue = self.queue
        while True:
            with queue.changed:
                queue.changed.wait_for(lambda: self._is_due() or self._is_done())
                if not self._is_due():
                    # Closing our side lets the window end the stream when all is answered.
                    return
                _, item = queue.waiting[queue.sent]
                queue.sent += 1
            yield SubmitStreamRequest(item=item)

    def _is_due(self) -> bool:
        return not self.over and self.queue.sent < len(self.queue.waiting)

    def _is_done(self) -> bool:
        queue = self.queue
        # Nothing is there for long: the stream ends before its own bounds do, when nothing more comes.
        return self.over or queue.closed.is_set() or queue.ended or bool(queue.busy)

    def end(self) -> None:
        with self.queue.changed:
            self.over = True
            self.queue.changed.notify_all()


def _attempt(window: Window, queue: _Items) -> Iterator[Answer]:
    """One stream, as far as it goes. What was answered is taken off the front; what the window could not
    take now is put back at the end, for after a pause."""
    with queue.changed:
        queue.sent = 0
    attempt = _Attempt(queue)
    call = window.declarations.SubmitStream(attempt.requests())
    try:
        for answer in call:
            with queue.changed:
                if not queue.waiting:
                    break
                place, item = queue.waiting.popleft()
                queue.sent -= 1
                refused = answer.refusal if answer.HasField("refusal") else None
                if refused is not None and _is_busy(refused.grpc_code):
                    queue.busy.append((place, item))
                    queue.changed.notify_all()
                    continue
                queue.progress += 1
                queue.changed.notify_all()
            yield _answer(place, answer, window.address)
    finally:
        attempt.end()
        call.cancel()
        with queue.changed:
            queue.waiting.extend(queue.busy)
            queue.busy.clear()


def _is_busy(grpc_code: int) -> bool:
    return any(code.value[0] == grpc_code for code in retry.WORTH_REPEATING)


def _answer(place: int, answer: SubmitStreamResponse, address: str) -> Answer:
    receipt = answer.receipt if answer.HasField("receipt") else None
    refused = refusal.of_item(answer.refusal, address) if answer.HasField("refusal") else None
    return Answer(place, answer.request_id, receipt, refused)

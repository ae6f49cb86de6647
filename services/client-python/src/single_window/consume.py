"""An agency's consumer: connects, takes events in order, answers, acknowledges, and resumes after a cut.

An event is acknowledged after every answer to it was taken by the window. So nothing is lost when the
consumer dies: what was not answered is delivered again, and answers carry request ids that are the same
the second time.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import grpc

from . import refusal, retry
from .exchange.v1 import exchange_service_pb2 as exchange
from .refusal import Refusal

if TYPE_CHECKING:
    from .window import Window

log = logging.getLogger(__name__)

#: Pause before an answer that the window could not decide is sent again.
RETRY = 0.2
#: How long the window may take to say goodbye.
GOODBYE = 2.0
#: Answers in one frame.
ANSWERS_MAX = 1_000
#: How often an answer over which the window failed is said.
TRIES_MAX = 4
#: The code of such a failure.
FAILED = "SW-1901"
#: Connecting again does not help against these.
FINAL = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)

Handler = Callable[[exchange.Event], Iterable[exchange.Answer]]


class Consumer:
    """A consumer of an agency. Several with names of their own share the work.

    ``handle`` takes an event and says what to answer, at once; nothing is an answer too. What it says must
    be the same, with the same request ids, when the event comes again: :meth:`request_id` makes such ids.
    When it raises, the event is not acknowledged, and the error ends :meth:`serve`.
    What is decided later is said by :meth:`say`, from any thread.
    """

    def __init__(
        self,
        window: Window,
        subscriber: exchange.Subscriber.ValueType,
        name: str,
        handle: Handler,
        *,
        result: Callable[[exchange.Result], None] | None = None,
        topics: Sequence[exchange.Topic.ValueType] = (),
        without_content: bool = False,
    ) -> None:
        self._window = window
        self._open = exchange.Open(
            subscriber=subscriber, consumer=name, topics=topics, without_content=without_content
        )
        self._handle = handle
        self._result = result or (lambda _: None)
        self._said: dict[str, exchange.Answer] = {}
        # A handler of signals may stop it while it is held.
        self._lock = threading.RLock()
        self._session: _Session | None = None
        self._stopped = threading.Event()

    @staticmethod
    def request_id(*parts: object) -> str:
        """The same UUID for the same parts, such as agency, declaration, version, round and outcome."""
        return str(uuid.uuid5(_IDS, "/".join(map(str, parts))))

    def say(self, answer: exchange.Answer) -> None:
        """Says what belongs to no event of this connection; it is said until it is answered."""
        with self._lock:
            self._said[answer.request_id] = answer
            session = self._session
        if session is not None:
            session.say(answer)

    def stop(self) -> None:
        """Ends :meth:`serve` after what is under way was answered, from any thread."""
        self._stopped.set()
        with self._lock:
            session = self._session
        if session is not None:
            session.outbox.close()

    def serve(self) -> None:
        """Consumes until :meth:`stop`, connecting again by itself.

        Raises :class:`Refusal` when connecting again cannot help.
        """
        pauses = retry.BACKOFF.pauses(None)
        while not self._stopped.is_set():
            session = _Session(self._handle, self._heard)
            try:
                self._serve(session)
            except grpc.RpcError as error:
                why = refusal.of_error(error, self._window.address)
                if why.grpc_code in FINAL:
                    raise why from error
                if not self._stopped.is_set():
                    log.warning("the stream broke; connecting again: %s", why)
            finally:
                with self._lock:
                    self._session = None
            if session.opened:
                pauses = retry.BACKOFF.pauses(None)
            self._stopped.wait(next(pauses))

    def _serve(self, session: _Session) -> None:
        stub = self._window.exchange
        if self._open.subscriber == exchange.SUBSCRIBER_BANK:
            connect = self._window.payment_exchange.Connect
        else:
            connect = stub.Connect
        session.outbox.put(exchange.ConnectRequest(open=self._open))
        call = connect(session.outbox.frames())
        with self._lock:
            self._session = session
        if self._stopped.is_set():
            session.outbox.close()
        goodbye: threading.Timer | None = None
        try:
            for frame in call:
                if session.outbox.closed and goodbye is None:
                    goodbye = threading.Timer(GOODBYE, call.cancel)
                    goodbye.start()
                kind = frame.WhichOneof("frame")
                if kind == "opened" and not session.opened:
                    session.opened = True
                    with self._lock:
                        said = list(self._said.values())
                    for answer in said:
                        session.say(answer)
                if kind == "go_away":
                    return
                session.take(frame)
        finally:
            if goodbye is not None:
                goodbye.cancel()
            session.outbox.close()
            call.cancel()

    def _heard(self, result: exchange.Result, given_up: bool) -> None:
        if result.result != exchange.RESULT_CODE_RETRY or given_up:
            with self._lock:
                self._said.pop(result.request_id, None)
        self._result(result)


#: Namespace of request ids that are made of parts.
_IDS = uuid.UUID("5f0d1c1e-6a51-5b0e-9d0a-9610971098aa")


class _Outbox:
    """What is to be sent, now or later; the library reads it in a thread of its own."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._now: deque[exchange.ConnectRequest] = deque()
        self._later: list[tuple[float, int, exchange.ConnectRequest]] = []
        self._count = 0
        self.closed = False

    def put(self, frame: exchange.ConnectRequest, after: float = 0.0) -> None:
        with self._changed:
            if after:
                self._count += 1
                heapq.heappush(self._later, (time.monotonic() + after, self._count, frame))
            else:
                self._now.append(frame)
            self._changed.notify_all()

    def close(self) -> None:
        """Closing our side first lets the window keep what was acknowledged and give the slots away."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def frames(self) -> Iterator[exchange.ConnectRequest]:
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> exchange.ConnectRequest | None:
        with self._changed:
            while True:
                if self._now:
                    return self._now.popleft()
                if self.closed:
                    return None
                due = self._later[0][0] - time.monotonic() if self._later else None
                if due is not None and due <= 0:
                    return heapq.heappop(self._later)[2]
                self._changed.wait(due)


class _Session:
    """One connection. Everything in it is made anew by redelivery after a cut."""

    def __init__(self, handle: Handler, heard: Callable[[exchange.Result, bool], None]) -> None:
        self.outbox = _Outbox()
        self.opened = False
        self._handle = handle
        self._heard = heard
        self._epoch = 0
        #: Answers that an event still waits for, by slot and position, in their order.
        self._open: dict[int, dict[int, set[str]]] = {}
        #: Answers on their way, with the events that wait for them.
        self._replies: dict[str, tuple[exchange.Answer, set[tuple[int, int]]]] = {}
        self._failed: dict[str, int] = {}
        self._lock = threading.Lock()

    def say(self, answer: exchange.Answer) -> None:
        with self._lock:
            self._replies.setdefault(answer.request_id, (answer, set()))
        self._send([answer])

    def take(self, frame: exchange.ConnectResponse) -> None:
        kind = frame.WhichOneof("frame")
        if kind == "opened":
            self._epoch = frame.opened.epoch
            if frame.opened.stalled:
                log.warning("nothing was acknowledged for %d s", frame.opened.progress_seconds)
        elif kind == "batch":
            self._events(frame.batch.events)
        elif kind == "results":
            for result in frame.results.results:
                self._answered(result)
        self._acknowledge()

    def _events(self, events: Iterable[exchange.Event]) -> None:
        now: list[exchange.Answer] = []
        for event in events:
            waiting = self._open.setdefault(event.slot, {})
            if event.position in waiting:
                # It came again while its answers are on their way.
                continue
            answers = list(self._handle(event))
            waiting[event.position] = {answer.request_id for answer in answers}
            with self._lock:
                for answer in answers:
                    _, events_of = self._replies.setdefault(answer.request_id, (answer, set()))
                    events_of.add((event.slot, event.position))
            now += answers
        self._send(now)

    def _send(self, answers: list[exchange.Answer], after: float = 0.0) -> None:
        for start in range(0, len(answers), ANSWERS_MAX):
            part = answers[start : start + ANSWERS_MAX]
            self.outbox.put(exchange.ConnectRequest(answers=exchange.Answers(answers=part)), after)

    def _answered(self, result: exchange.Result) -> None:
        request_id = result.request_id
        with self._lock:
            answer, events = self._replies.get(request_id, (None, set()))
        given_up = False
        if result.result == exchange.RESULT_CODE_RETRY and answer is not None:
            given_up = result.code == FAILED and self._is_given_up(request_id, bool(events))
            if not given_up:
                self._heard(result, False)
                self._send([answer], RETRY)
                return
            for slot, position in sorted(events):
                # Set aside for people, so that what comes behind it is acknowledged.
                park = exchange.Park(
                    position=exchange.Position(slot=slot, position=position),
                    reason=f"the window failed over the reply {request_id}",
                )
                self.outbox.put(exchange.ConnectRequest(park=park))
        self._heard(result, given_up)
        with self._lock:
            self._replies.pop(request_id, None)
        for slot, position in events:
            self._open.get(slot, {}).get(position, set()).discard(request_id)

    def _is_given_up(self, request_id: str, of_event: bool) -> bool:
        """The window failed over it, and may do so again. What belongs to no event is left to whoever
        said it; the others have a few tries."""
        self._failed[request_id] = self._failed.get(request_id, 0) + 1
        return not of_event or self._failed[request_id] >= TRIES_MAX

    def _acknowledge(self) -> None:
        """Moves the acknowledgement of each slot over events that wait for nothing."""
        done = []
        for slot, waiting in self._open.items():
            last = 0
            for position in sorted(waiting):
                if waiting[position]:
                    break
                last = position
                del waiting[position]
            if last:
                done.append(exchange.Position(slot=slot, position=last))
        if done:
            ack = exchange.Ack(positions=done, epoch=self._epoch)
            self.outbox.put(exchange.ConnectRequest(ack=ack))

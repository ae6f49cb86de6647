"""Streams go on after a cut: nothing is left out, nothing is done twice."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from fakes import Status, Stream, refused, window

from single_window import Back, Consumer, Entry, Heartbeat, Lost, Refusal, receipts, submit_all, watch
from single_window.ceb.v1 import ceb_service_pb2 as ceb
from single_window.consume import TRIES_MAX, _Session
from single_window.declaration.v1 import declaration_service_pb2 as declaration
from single_window.exchange.v1 import exchange_service_pb2 as exchange

CUT = Status(grpc.StatusCode.UNAVAILABLE, "cut")


def news(name: str = "", token: str = "") -> declaration.WatchResponse:
    return declaration.WatchResponse(name=name, resume_token=token)


def test_a_watch_resumes_by_its_newest_token() -> None:
    streams = [
        Stream(news("a"), news("b", "1"), news(token="2"), end=CUT),
        Stream(end=CUT),
        Stream(news("c"), end=refused(grpc.StatusCode.PERMISSION_DENIED)),
    ]
    asked: list[declaration.WatchRequest] = []

    def opened(request: declaration.WatchRequest) -> Stream:
        asked.append(request)
        return streams[len(asked) - 1]

    following = watch(window(declarations={"Watch": opened}), resume="0")
    told: list[object] = []
    with pytest.raises(Refusal):
        for update in following.updates():
            told.append(update.entry.name if isinstance(update, Entry) else type(update))
    assert told == ["a", "b", Heartbeat, Lost, Back, "c"]
    assert [request.resume_token for request in asked] == ["0", "2", "2"]
    assert following.resume == "2"


def test_receipts_resume_after_what_was_told() -> None:
    def told(position: int) -> ceb.FollowReceiptsResponse:
        message = ceb.OutgoingMessage(position=position)
        return ceb.FollowReceiptsResponse(message=message, position=position - 1)

    streams = [
        Stream(told(5), end=CUT),
        Stream(ceb.FollowReceiptsResponse(position=9), end=refused(grpc.StatusCode.NOT_FOUND)),
    ]
    asked: list[int] = []

    def opened(request: ceb.FollowReceiptsRequest) -> Stream:
        asked.append(request.after)
        return streams[len(asked) - 1]

    following = receipts(window(ceb={"FollowReceipts": opened}), "DXPENT", after=4)
    with pytest.raises(Refusal):
        assert [message.position for message in following] == [5]
    assert asked == [4, 5] and following.resume == 9


class Submissions:
    """A window that answers so many items of each stream, then cuts it; some are too many at first."""

    def __init__(self, *lengths: int, busy: set[str] | None = None) -> None:
        self.lengths, self.busy = list(lengths), busy or set()
        self.streams: list[list[str]] = []

    def stream(self, requests: Iterator[declaration.SubmitStreamRequest]) -> Stream:
        length = self.lengths.pop(0) if self.lengths else None
        seen: list[str] = []
        self.streams.append(seen)
        return Stream(*[]) if length == 0 else _Answers(self, requests, seen, length)


class _Answers(Stream):
    def __init__(self, of: Submissions, requests: Iterator[Any], seen: list[str], length: int | None) -> None:
        self.of, self.requests, self.seen, self.length = of, requests, seen, length

    def __iter__(self) -> Iterator[declaration.SubmitStreamResponse]:
        for request in self.requests:
            request_id = request.item.request_id
            self.seen.append(request_id)
            answer = declaration.SubmitStreamResponse(request_id=request_id)
            if request_id in self.of.busy:
                self.of.busy.remove(request_id)
                answer.refusal.grpc_code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            else:
                answer.receipt.name = f"declarations/{request_id}"
            yield answer
            if len(self.seen) == self.length:
                # One more is on its way when the stream is cut.
                next(iter(self.requests))
                raise CUT


def items(count: int) -> Iterator[declaration.SubmitRequest]:
    return (declaration.SubmitRequest(request_id=str(number)) for number in range(count))


def test_many_are_answered_once_over_cuts() -> None:
    served = Submissions(3, 1)
    made = window(declarations={"SubmitStream": served.stream})
    answers = list(submit_all(made, items(10)))
    assert [answer.place for answer in answers] == list(range(10))
    assert [answer.request_id for answer in answers] == [str(number) for number in range(10)]
    assert served.streams[1][0] == "3" and served.streams[2][0] == "4", "what is unanswered comes again"


def test_what_could_not_be_taken_is_repeated() -> None:
    served = Submissions(busy={"2"})
    made = window(declarations={"SubmitStream": served.stream})
    answers = list(submit_all(made, items(5)))
    assert sorted(answer.place for answer in answers) == list(range(5))
    assert all(answer.receipt and not answer.refusal for answer in answers)
    assert served.streams[1][0] == "2"


def test_what_fails_in_the_callers_items_is_raised() -> None:
    def broken() -> Iterator[declaration.SubmitRequest]:
        yield from items(2)
        raise KeyError("mine")

    made = window(declarations={"SubmitStream": Submissions().stream})
    with pytest.raises(KeyError):
        list(submit_all(made, broken()))
    with pytest.raises(ValueError):
        list(submit_all(made, [declaration.SubmitRequest()]))


class Sent(_Session):
    """A session of which only the frames are looked at."""

    def frames(self, kind: str) -> list[exchange.ConnectRequest]:
        frames = [frame for frame in self.outbox._now if frame.WhichOneof("frame") == kind]
        return [getattr(frame, kind) for frame in frames]

    def acks(self) -> list[tuple[int, int]]:
        acks = self.frames("ack")
        return [(position.slot, position.position) for ack in acks for position in ack.positions]


def batch(*positions: int) -> exchange.ConnectResponse:
    events = [exchange.Event(slot=1, position=position) for position in positions]
    return exchange.ConnectResponse(batch=exchange.Batch(events=events))


def result(request_id: str, code: exchange.ResultCode.ValueType, why: str = "") -> exchange.ConnectResponse:
    told = exchange.Result(request_id=request_id, result=code, code=why)
    return exchange.ConnectResponse(results=exchange.Results(results=[told]))


def test_an_event_is_acknowledged_after_its_answers() -> None:
    said = {1: ["a", "b"], 2: [], 3: ["b"]}
    handled: list[int] = []

    def handle(event: exchange.Event) -> list[exchange.Answer]:
        handled.append(event.position)
        return [exchange.Answer(request_id=request_id) for request_id in said[event.position]]

    session = Sent(handle, lambda *_: None)
    session.take(batch(1, 2, 3))
    session.take(batch(1, 2))
    assert handled == [1, 2, 3], "what comes again while it is under way is not handled twice"
    session.take(result("a", exchange.RESULT_CODE_APPLIED))
    assert session.acks() == []
    session.take(result("b", exchange.RESULT_CODE_DUPLICATE))
    assert session.acks() == [(1, 3)]


def test_what_the_window_fails_over_is_parked_after_a_few_tries() -> None:
    session = Sent(lambda _: [exchange.Answer(request_id="a")], lambda *_: None)
    session.take(batch(7))
    for _ in range(10):
        session.take(result("a", exchange.RESULT_CODE_RETRY, "SW-1501"))
    for _ in range(TRIES_MAX - 1):
        session.take(result("a", exchange.RESULT_CODE_RETRY, "SW-1901"))
    assert not session.frames("park") and not session.acks()
    session.take(result("a", exchange.RESULT_CODE_RETRY, "SW-1901"))
    assert [park.position.position for park in session.frames("park")] == [7]
    assert session.acks() == [(1, 7)]


def test_ids_of_answers_are_the_same_for_the_same_parts() -> None:
    assert Consumer.request_id("customs", "x", 1) == Consumer.request_id("customs", "x", 1)
    assert Consumer.request_id("customs", "x", 1) != Consumer.request_id("customs", "x", 2)

"""The law of repetition, and what a refusal tells."""

import time

import grpc
import pytest
from fakes import Status, refused, window

from single_window import Refusal, Window
from single_window.declaration.v1.declaration_service_pb2 import (
    Refusal as ItemRefusal,
    SubmitRequest,
    SubmitResponse,
    Violation,
)
from single_window.refusal import of_error, of_item
from single_window.retry import BACKOFF, TIMES
from single_window.window import explain

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses


class Method:
    """Ends as it is told, one call after the other."""

    def __init__(self, *ends: object) -> None:
        self.ends, self.requests = list(ends), []

    def __call__(self, request: SubmitRequest, *, timeout: float | None = None) -> SubmitResponse:
        self.requests.append(request)
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        return SubmitResponse(name="declarations/x")


def test_pauses_double_up_to_five_seconds_with_as_much_again_by_chance() -> None:
    pauses = list(BACKOFF.pauses())
    assert len(pauses) == TIMES
    for number, pause in enumerate(pauses):
        least = min(0.05 * 2**number, 5.0)
        assert least <= pause <= 2 * least
    assert len({*pauses}) == TIMES


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED", "UNKNOWN"])
def test_not_now_is_repeated_with_the_same_request_id(code: str, slept: list[float]) -> None:
    method = Method(Status(grpc.StatusCode[code]), Status(grpc.StatusCode[code]), None)
    given = SubmitRequest()
    assert window().call(method, given).name == "declarations/x"
    ids = {request.request_id for request in method.requests}
    assert len(method.requests) == 3 and len(ids) == 1 and ids != {""} and not given.request_id
    assert len(slept) == 2


def test_an_id_of_the_caller_is_kept(slept: list[float]) -> None:
    method = Method(Status(UNAVAILABLE), None)
    window().call(method, SubmitRequest(request_id="mine"))
    assert [request.request_id for request in method.requests] == ["mine", "mine"]


def test_a_no_is_not_repeated(slept: list[float]) -> None:
    for code in set(grpc.StatusCode) - {grpc.StatusCode.OK}:
        if code.name in ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "CANCELLED", "UNKNOWN"):
            continue
        method = Method(Status(code))
        with pytest.raises(Refusal) as told:
            window().call(method, SubmitRequest())
        assert told.value.grpc_code is code
    assert not slept


def test_the_window_says_how_long_to_wait_at_least(slept: list[float]) -> None:
    method = Method(refused(UNAVAILABLE, retry_after=0.5), None)
    window().call(method, SubmitRequest())
    assert len(slept) == 1 and 0.5 <= slept[0] < 0.6


def test_it_is_given_up_after_twelve_times_or_at_the_deadline(slept: list[float]) -> None:
    method = Method(*[Status(UNAVAILABLE)] * 20)
    with pytest.raises(Refusal):
        window().call(method, SubmitRequest(), deadline=1_000)
    assert len(method.requests) == TIMES + 1
    method = Method(*[refused(UNAVAILABLE, retry_after=0.9)] * 20)
    with pytest.raises(Refusal):
        window().call(method, SubmitRequest(), deadline=0.5)
    assert len(method.requests) == 1


def test_a_refusal_tells_everything_in_both_languages() -> None:
    refusal = of_error(refused(), "window:1")
    assert (refusal.code, refusal.message, refusal.message_zh) == (
        "SW-1001",
        "rules are broken",
        "申报数据不符合规则",
    )
    (broken,) = refusal.violations
    assert (broken.code, broken.field) == ("SW-2001", "declaration.trade_mode")
    assert (broken.text, broken.text_zh) == ("trade_mode is required", "监管方式必填")
    assert broken.link == "https://window:1/errors/SW-2001"
    assert refusal.data == {"existing": "declarations/x"}
    assert str(refusal).splitlines() == [
        "SW-1001: rules are broken",
        "  existing: declarations/x",
        "  declaration.trade_mode: [SW-2001] trade_mode is required",
        "  see https://window:1/errors/SW-1001",
    ]
    assert "[SW-2001] 监管方式必填" in refusal.explain("zh")


def test_a_refusal_of_an_item_tells_the_same() -> None:
    violation = Violation(code="SW-2007", field="f", text="t", text_zh="z", customs_code="-304")
    item = ItemRefusal(grpc_code=3, code="SW-1001", message="m", message_zh="n", violations=[violation])
    refusal = of_item(item, "window:1")
    assert refusal.grpc_code is grpc.StatusCode.INVALID_ARGUMENT
    (broken,) = refusal.violations
    assert (broken.code, broken.field, broken.text, broken.text_zh, broken.customs_code) == (
        "SW-2007",
        "f",
        "t",
        "z",
        "-304",
    )


def test_what_is_no_refusal_of_the_window_has_no_code() -> None:
    refusal = of_error(Status(UNAVAILABLE, "connect: Connection refused"), "window:1")
    assert (refusal.code, refusal.link, str(refusal)) == (
        "",
        "",
        "UNAVAILABLE: connect: Connection refused",
    )
    assert explain(refusal.message).startswith("nobody listens there")


def test_who_calls_is_said_one_way() -> None:
    with pytest.raises(ValueError):
        Window("window:1")
    with pytest.raises(ValueError):
        Window("window:1", certificate=b"x", api_key="swk_x")

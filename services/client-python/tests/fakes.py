"""A window of which only the answers are made up."""

from types import SimpleNamespace
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from single_window import Window


class Status(grpc.RpcError, grpc.Call):
    """What a call ends with."""

    def __init__(self, code: grpc.StatusCode, said: str = "", *details: Any) -> None:
        self._code, self._said = code, said
        status = status_pb2.Status(code=code.value[0], message=said)
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        self._trailers = (("grpc-status-details-bin", status.SerializeToString()),) if details else ()

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._said

    def trailing_metadata(self) -> Any:
        return self._trailers

    initial_metadata = trailing_metadata

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> None:
        return None

    def cancel(self) -> bool:
        return True

    def add_callback(self, callback: Any) -> bool:
        return False


def refused(
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT, retry_after: float | None = None
) -> Status:
    localized = error_details_pb2.LocalizedMessage
    broken = error_details_pb2.BadRequest.FieldViolation(
        field="declaration.trade_mode",
        description="[SW-2001] trade_mode is required",
        localized_message=localized(locale="zh-CN", message="监管方式必填"),
    )
    details: list[Any] = [
        error_details_pb2.ErrorInfo(reason="SW-1001", metadata={"existing": "declarations/x"}),
        error_details_pb2.BadRequest(field_violations=[broken]),
        localized(locale="en", message="rules are broken"),
        localized(locale="zh-CN", message="申报数据不符合规则"),
    ]
    if retry_after is not None:
        delay = duration_pb2.Duration(nanos=int(retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return Status(code, "SW-1001: rules are broken (…)", *details)


def window(**stubs: Any) -> Window:
    """One whose stubs are these."""
    made = Window("localhost:1", api_key="swk_x")
    for name, stub in stubs.items():
        setattr(made, name, SimpleNamespace(**stub))
    return made


class Stream:
    """Answers, and how they end."""

    def __init__(self, *answers: Any, end: Exception | None = None) -> None:
        self._answers, self._end = answers, end

    def __iter__(self) -> Any:
        yield from self._answers
        if self._end is not None:
            raise self._end

    def cancel(self) -> bool:
        return True

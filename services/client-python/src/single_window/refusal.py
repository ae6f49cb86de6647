"""What a caller is told instead of an answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Protocol, Sequence

import grpc
from google.rpc import error_details_pb2, status_pb2

#: Where a gRPC status keeps its details.
_DETAILS = "grpc-status-details-bin"


class WindowError(Exception):
    """Anything that this package raises."""


class Unreachable(WindowError):
    """There is no connection to the window; says why in words."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"the window at {address} cannot be reached: {why}")
        self.address = address
        self.why = why


@dataclass(frozen=True)
class Violation:
    """A rule that was broken."""

    #: Our code, for example SW-2001.
    code: str
    #: Path in the request, for example ``declaration.lines[2].gcode``.
    field: str
    #: In English.
    text: str
    #: In Chinese.
    text_zh: str
    #: Page of the code.
    link: str
    #: Customs' own code for the same fault, when one is known.
    customs_code: str = ""


@dataclass(eq=False)
class Refusal(WindowError):
    """A "no" of the window, with every broken rule. ``str()`` is for people, ``code`` for programs."""

    grpc_code: grpc.StatusCode
    #: Our code, for example SW-1001; empty when something in between answered.
    code: str
    #: In English.
    message: str
    #: In Chinese.
    message_zh: str
    #: Page of the code.
    link: str = ""
    violations: Sequence[Violation] = ()
    #: Data that belongs to the code, for example the existing resource.
    data: Mapping[str, str] = field(default_factory=dict)
    #: Seconds to wait at least before repeating.
    retry_after: float | None = None

    def __str__(self) -> str:
        return self.explain()

    def explain(self, language: str = "en") -> str:
        """All of it as lines, in English or (``zh``) Chinese."""
        chinese = language.startswith("zh")
        title = self.message_zh if chinese else self.message
        lines = [f"{self.code}: {title}" if self.code else f"{self.grpc_code.name}: {title}"]
        data: list[tuple[str, str]] = sorted(self.data.items())
        lines += [f"  {name}: {value}" for name, value in data]
        for broken in self.violations:
            text = broken.text_zh if chinese else broken.text
            lines.append(f"  {broken.field}: [{broken.code}] {text}")
        if self.link:
            lines.append(f"  {'见' if chinese else 'see'} {self.link}")
        return "\n".join(lines)


class _Item(Protocol):
    """A refusal inside a stream, of declarations or of national messages."""

    grpc_code: int
    code: str
    message: str
    message_zh: str


def link(address: str, code: str) -> str:
    """The page of a code, which the window shows to everybody."""
    return f"https://{address}/errors/{code}" if code else ""


def _grpc_code(number: int) -> grpc.StatusCode:
    known = (code for code in grpc.StatusCode if code.value[0] == number)
    return next(known, grpc.StatusCode.UNKNOWN)


def of_item(item: _Item, address: str) -> Refusal:
    """A refusal of one item of a stream."""
    violations = tuple(
        Violation(
            code=broken.code,
            field=broken.field,
            text=broken.text,
            text_zh=broken.text_zh,
            customs_code=broken.customs_code,
            link=link(address, broken.code),
        )
        # National messages have none.
        for broken in getattr(item, "violations", ())
    )
    metadata: dict[str, str] = dict(getattr(item, "metadata", {}))
    return Refusal(
        grpc_code=_grpc_code(item.grpc_code),
        code=item.code,
        message=item.message,
        message_zh=item.message_zh,
        link=link(address, item.code),
        violations=violations,
        data=metadata,
    )


def of_error(error: grpc.RpcError, address: str) -> Refusal:
    """A status. One that the window did not make has no code of ours."""
    grpc_code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
    said = (error.details() if isinstance(error, grpc.Call) else None) or str(error)
    status = status_pb2.Status()
    trailers: Sequence[tuple[str, str | bytes]] = ()
    if isinstance(error, grpc.Call):
        trailers = error.trailing_metadata() or ()
    for name, value in trailers:
        if name == _DETAILS and isinstance(value, bytes):
            status.ParseFromString(value)
    return _of_status(grpc_code, said, status, address)


def _of_status(
    grpc_code: grpc.StatusCode, said: str, status: status_pb2.Status, address: str
) -> Refusal:
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    titles: dict[str, str] = {}
    retry_after: float | None = None
    for detail in status.details:
        localized = error_details_pb2.LocalizedMessage()
        detail.Unpack(info)
        detail.Unpack(bad)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToNanoseconds() / 1e9
        if detail.Unpack(localized):
            titles.setdefault(localized.locale[:2], localized.message)
    title = titles.get("en") or said
    return Refusal(
        grpc_code=grpc_code,
        code=info.reason,
        message=title,
        message_zh=titles.get("zh") or title,
        link=link(address, info.reason),
        violations=tuple(_violation(broken, address) for broken in bad.field_violations),
        data=dict(info.metadata),
        retry_after=retry_after,
    )


def _violation(broken: error_details_pb2.BadRequest.FieldViolation, address: str) -> Violation:
    # `[SW-2001] text (customs' code)`; what a program needs of it stands in fields of its own.
    code, text = "", broken.description
    if text.startswith("[") and "] " in text:
        code, text = text[1:].split("] ", 1)
    other = broken.localized_message
    chinese = other.message if other.locale.startswith("zh") else text
    english = other.message if other.locale.startswith("en") else text
    return Violation(
        code=code,
        field=broken.field,
        text=english or text,
        text_zh=chinese or text,
        link=link(address, code),
    )

"""Where the window is, and who calls."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar, Union

import grpc
from google.protobuf.message import Message

from . import retry
from .ceb.v1.ceb_service_pb2 import SendRequest, SendResponse
from .ceb.v1.ceb_service_pb2_grpc import CebServiceStub
from .declaration.v1.declaration_service_pb2 import (
    DeclarationRecord,
    GetRequest,
    SubmitRequest,
    SubmitResponse,
)
from .declaration.v1.declaration_service_pb2_grpc import DeclarationServiceStub
from .exchange.v1.exchange_service_pb2_grpc import ExchangeServiceStub, PaymentExchangeServiceStub
from .inspection.v1.inspection_service_pb2_grpc import InspectionServiceStub
from .payment.v1.forex_service_pb2_grpc import ForexServiceStub
from .payment.v1.payment_service_pb2_grpc import PaymentServiceStub
from .refund.v1.refund_service_pb2_grpc import RefundServiceStub
from .refusal import Refusal, Unreachable, WindowError, of_error
from .sandbox.v1.sandbox_service_pb2_grpc import SandboxServiceStub
from .status.v1.status_service_pb2 import GetStatusRequest
from .status.v1.status_service_pb2_grpc import StatusServiceStub
from .trade.v1.declaration_pb2 import Declaration

#: PEM: the bytes themselves, or the file that they are in.
Pem = Union[bytes, str, Path]

Q = TypeVar("Q", bound=Message)
R_co = TypeVar("R_co", covariant=True)
Q_contra = TypeVar("Q_contra", bound=Message, contravariant=True)
R = TypeVar("R")

#: Seconds that the window takes for an answer at most.
ATTEMPT = 30.0
#: Seconds that a call takes with its repetitions at most.
DEADLINE = 60.0

#: What the library says, and what it means.
OBSTACLES = (
    ("CERTIFICATE_VERIFY_FAILED", "the window's certificate is from an authority that you do not trust"),
    # What the window says of a certificate, the library only logs.
    ("TSI_DATA_CORRUPTED", "the window does not take your certificate: it has expired, or is of another authority"),
    ("Connection refused", "nobody listens there; is the window running?"),
    ("lookup", "there is no machine of this name"),
)


class Method(Protocol[Q_contra, R_co]):
    """A call of a stub that has one answer."""

    def __call__(self, request: Q_contra, *, timeout: float | None = None) -> R_co: ...


class Window:
    """A connection to a window, made with the first call. Threads may share it; it reconnects by itself.

    The stubs (``declarations``, ``inspection``, …) have every call of the schema; give those that have one
    answer to :meth:`call`.
    """

    def __init__(
        self,
        address: str,
        *,
        authority: Pem | None = None,
        certificate: Pem | None = None,
        key: Pem | None = None,
        api_key: str | None = None,
    ) -> None:
        """``address`` is host:port. ``authority`` signed the window's certificate; without it those count
        that the system trusts. Who calls is said by ``certificate`` and ``key``, or by ``api_key`` alone.
        """
        if (certificate is None) != (key is None):
            raise ValueError("certificate and key belong together")
        if (certificate is None) == (api_key is None):
            raise ValueError("say who calls: by certificate and key, or by api_key")
        self.address = address
        transport = grpc.ssl_channel_credentials(_pem(authority), _pem(key), _pem(certificate))
        if api_key is not None:
            who = grpc.access_token_call_credentials(api_key.strip())
            transport = grpc.composite_channel_credentials(transport, who)
        self.channel = grpc.secure_channel(address, transport, options=_OPTIONS)
        self.declarations = DeclarationServiceStub(self.channel)
        self.exchange = ExchangeServiceStub(self.channel)
        self.payment_exchange = PaymentExchangeServiceStub(self.channel)
        self.ceb = CebServiceStub(self.channel)
        self.inspection = InspectionServiceStub(self.channel)
        self.payment = PaymentServiceStub(self.channel)
        self.forex = ForexServiceStub(self.channel)
        self.refund = RefundServiceStub(self.channel)
        self.sandbox_calls = SandboxServiceStub(self.channel)
        self.status = StatusServiceStub(self.channel)

    @classmethod
    def sandbox(
        cls, caller: str = "agent", data_dir: str | Path | None = None, *, with_key: bool = False
    ) -> Window:
        """The sandbox on this machine, as one of its callers: by its certificate, or by its API key."""
        data = Path(data_dir) if data_dir is not None else default_data_dir()
        identities = data / "identities"
        try:
            address = (data / "address").read_text().strip()
            authority = (identities / "authority.pem").read_bytes()
            if with_key:
                api_key = (identities / f"{caller}.api-key").read_text()
                return cls(address, authority=authority, api_key=api_key)
            certificate = (identities / f"{caller}.pem").read_bytes()
            key = (identities / f"{caller}.key").read_bytes()
        except OSError as error:
            raise WindowError(
                f"no sandbox with the caller {caller} was started in {data} ({error}); start one with "
                "`single-window sandbox`, or say where its data is (data_dir, SW_DATA_DIR)"
            ) from error
        return cls(address, authority=authority, certificate=certificate, key=key)

    def check(self) -> None:
        """Asks once who is there, and says in words when nobody is.

        Raises :class:`Unreachable`, or :class:`Refusal` when the window does not know the caller.
        """
        try:
            self.status.GetStatus(GetStatusRequest(), timeout=10)
        except grpc.RpcError as error:
            refusal = of_error(error, self.address)
            if refusal.code or refusal.grpc_code is not grpc.StatusCode.UNAVAILABLE:
                raise refusal from error
            raise Unreachable(self.address, explain(refusal.message)) from error

    def call(self, method: Method[Q, R], request: Q, *, deadline: float = DEADLINE) -> R:
        """Calls, and repeats while that can help, for ``deadline`` seconds at most.

        A request that changes something gets a request id when it has none, and keeps it over repetitions.
        Raises :class:`Refusal`.
        """
        request = _identified(request)
        until = time.monotonic() + deadline
        pauses = retry.BACKOFF.pauses()
        while True:
            left = max(until - time.monotonic(), 0.001)
            try:
                return method(request, timeout=min(left, ATTEMPT))
            except grpc.RpcError as error:
                refusal = of_error(error, self.address)
                pause = next(pauses, None) if retry.is_worth_repeating(refusal.grpc_code) else None
                if pause is None:
                    raise refusal from error
                pause = max(pause, refusal.retry_after or 0)
                if time.monotonic() + pause >= until:
                    raise refusal from error
            time.sleep(pause)

    def submit(self, declaration: Declaration, *, request_id: str = "") -> SubmitResponse:
        """Files one declaration; the answer says that it is durable.

        Keep your own ``request_id`` with your document, and a repetition by another process is the same
        request, too.
        """
        request = SubmitRequest(request_id=request_id, declaration=declaration)
        return self.call(self.declarations.Submit, request)

    def get(self, number: str) -> DeclarationRecord:
        """The declaration with this name, or with this number: order number, preNo, invtNo, any other."""
        named = number.startswith("declarations/")
        request = GetRequest(name=number) if named else GetRequest(number=number)
        answer = self.call(self.declarations.Get, request)
        if not answer.HasField("record"):
            names = ", ".join(candidate.name for candidate in answer.candidates)
            raise WindowError(f"several declarations have the number {number}: {names}")
        return answer.record

    def send_ceb(self, message: bytes) -> SendResponse:
        """Sends a national message, or an envelope of several; the answer has the first receipts.

        It needs no request id: the window knows a document by its business key and guid.
        """
        return self.call(self.ceb.Send, SendRequest(message=message))

    def close(self) -> None:
        self.channel.close()

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_OPTIONS: Sequence[tuple[str, int]] = (
    # Frames of the exchange and pages of a thousand.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.absolute_max_metadata_size", 256 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A window that was restarted is back within seconds.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Repeating is ours: the library knows neither request ids nor our law.
    ("grpc.enable_retries", 0),
)


def _pem(pem: Pem | None) -> bytes | None:
    return pem if pem is None or isinstance(pem, bytes) else Path(pem).read_bytes()


def _identified(request: Q) -> Q:
    from .declarations import request_id

    field = request.DESCRIPTOR.fields_by_name.get("request_id")
    if field is None or getattr(request, "request_id"):
        return request
    named = type(request)()
    named.CopyFrom(request)
    setattr(named, "request_id", request_id())
    return named


def explain(said: str) -> str:
    """An obstacle in words, with what the library said."""
    for mark, meaning in OBSTACLES:
        if mark in said:
            return f"{meaning} ({said})"
    return said


def default_data_dir() -> Path:
    """Where the sandbox keeps its data unless told otherwise."""
    if named := os.environ.get("SW_DATA_DIR"):
        return Path(named)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/single-window")
    if data := os.environ.get("XDG_DATA_HOME"):
        return Path(data) / "single-window"
    return Path.home() / ".local/share/single-window"

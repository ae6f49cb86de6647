"""Following a stream without end: after a cut it goes on where it stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, Union, cast

import grpc

from . import refusal, retry
from .ceb.v1.ceb_service_pb2 import FollowReceiptsRequest, FollowReceiptsResponse, OutgoingMessage
from .declaration.v1.declaration_service_pb2 import WatchRequest, WatchResponse
from .refusal import Refusal

if TYPE_CHECKING:
    from .window import Window

T = TypeVar("T")
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


@dataclass(frozen=True)
class Entry(Generic[T]):
    """Something happened."""

    entry: T


@dataclass(frozen=True)
class Heartbeat:
    """Nothing happened for a while; only there is something newer to resume from."""


@dataclass(frozen=True)
class Lost:
    """The window is away. Nothing is missed: it goes on where it stopped."""

    why: Refusal


@dataclass(frozen=True)
class Back:
    """The window is there again."""


#: What who follows hears: what happened, and how the connection is.
Update = Union[Entry[T], Heartbeat, Lost, Back]


class _Stream(Protocol[M_co]):
    def __iter__(self) -> Iterator[M_co]: ...
    def cancel(self) -> bool: ...


class Following(Generic[T]):
    """What happens, without end. Iterate it for entries, ``updates()`` for the connection as well.

    ``resume`` is where to go on in another process: a resume token, or the position of receipts. Store it
    after you have processed what came with it. ``close()`` ends it, from any thread.
    """

    def __init__(
        self,
        window: Window,
        resume: str | int,
        open_at: Callable[[str | int], _Stream[M]],
        take: Callable[[str | int, M], tuple[str | int, T | None]],
    ) -> None:
        self.resume = resume
        self._address = window.address
        # What a message of the stream is, is between these two.
        self._open = cast("Callable[[str | int], _Stream[object]]", open_at)
        self._take = cast("Callable[[str | int, object], tuple[str | int, T | None]]", take)
        self._closed = threading.Event()
        self._call: _Stream[object] | None = None

    def __iter__(self) -> Iterator[T]:
        return (update.entry for update in self.updates() if isinstance(update, Entry))

    def updates(self) -> Iterator[Update[T]]:
        """The same with heartbeats; tells once when the window is lost and once when it is back.

        Raises :class:`Refusal` when repeating cannot help.
        """
        pauses = retry.BACKOFF.pauses(None)
        lost = False
        while not self._closed.is_set():
            try:
                self._call = call = self._open(self.resume)
                for message in call:
                    if lost:
                        lost = False
                        yield Back()
                    pauses = retry.BACKOFF.pauses(None)
                    self.resume, entry = self._take(self.resume, message)
                    yield Heartbeat() if entry is None else Entry(entry)
                why = Refusal(grpc.StatusCode.UNAVAILABLE, "", "the stream ended", "流已结束")
            except grpc.RpcError as error:
                why = refusal.of_error(error, self._address)
            finally:
                if self._call is not None:
                    self._call.cancel()
            if self._closed.is_set():
                return
            if not retry.is_worth_repeating(why.grpc_code):
                raise why
            if not lost:
                lost = True
                yield Lost(why)
            self._closed.wait(max(next(pauses), why.retry_after or 0))

    def close(self) -> None:
        self._closed.set()
        if self._call is not None:
            self._call.cancel()

    def __enter__(self) -> Following[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def watch(window: Window, *, name: str = "", resume: str = "") -> Following[WatchResponse]:
    """Follows declarations: all of one's own from now on, from ``resume`` (``beginning``: from the first),
    or, with ``name``, one declaration with its history."""

    def open_at(token: str | int) -> _Stream[WatchResponse]:
        return window.declarations.Watch(WatchRequest(resume_token=str(token), name=name))

    def take(token: str | int, news: WatchResponse) -> tuple[str | int, WatchResponse | None]:
        return news.resume_token or token, news if news.name else None

    return Following(window, resume, open_at, take)


def receipts(window: Window, dxp_id: str, *, after: int = 0) -> Following[OutgoingMessage]:
    """Follows the receipts of an exchange number (dxpId) after a position."""

    def open_at(position: str | int) -> _Stream[FollowReceiptsResponse]:
        return window.ceb.FollowReceipts(FollowReceiptsRequest(dxp_id=dxp_id, after=int(position)))

    def take(
        position: str | int, news: FollowReceiptsResponse
    ) -> tuple[str | int, OutgoingMessage | None]:
        message = news.message if news.HasField("message") else None
        told = message.position if message is not None else 0
        return max(int(position), news.position, told), message

    return Following(window, after, open_at, take)

"""When, and after which pause, the same request is sent again.

The law is that of every client of the window: what says "not now" is repeated with the same request id,
after pauses that double from 50 ms to 5 s, each with up to as much again by chance, twelve times.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Iterator

import grpc

#: After these the same request, with the same id, can have another answer.
WORTH_REPEATING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
    }
)

#: How often a request is repeated at most.
TIMES = 12


@dataclass(frozen=True)
class Backoff:
    """Pauses in seconds."""

    least: float = 0.05
    most: float = 5.0

    def pauses(self, times: int | None = TIMES) -> Iterator[float]:
        """So many, or without end."""
        pause, count = self.least, 0
        while times is None or count < times:
            yield pause * (1 + random.random())
            pause, count = min(2 * pause, self.most), count + 1


#: That of this package.
BACKOFF = Backoff()


def is_worth_repeating(code: grpc.StatusCode) -> bool:
    return code in WORTH_REPEATING

"""An agency that takes everything into its database and has no objection to it, until Ctrl-C.

    python samples/agency.py [customs|quarantine]

Start the sandbox without the simulated one: single-window sandbox --no-agencies.
"""

import signal
import sys
from collections.abc import Iterator

from single_window import Consumer, Window
from single_window.exchange.v1 import exchange_service_pb2 as exchange

# snippet: agency
REVIEWED = ("filed", "amended", "inspection_completed")


def handle(event: exchange.Event) -> Iterator[exchange.Answer]:
    # Store the event here: it is acknowledged when its answers were taken.
    if any(fact.WhichOneof("kind") in REVIEWED for fact in event.facts.facts):
        for outcome in (exchange.OUTCOME_ACCEPTED, exchange.OUTCOME_CLEARED):
            said = ("sample", event.declaration_id, event.version, event.round, outcome)
            yield exchange.Answer(
                request_id=Consumer.request_id(*said),
                declaration_id=event.declaration_id,
                version=event.version,
                round=event.round,
                verdict=exchange.Verdict(outcome=outcome),
            )
# end


def heard(result: exchange.Result) -> None:
    print(result.request_id, exchange.ResultCode.Name(result.result), result.message, flush=True)


def main() -> None:
    agency = sys.argv[1] if len(sys.argv) > 1 else "customs"
    subscriber = exchange.Subscriber.Value(f"SUBSCRIBER_{agency.upper()}")
    window = Window.sandbox(agency)
    # snippet: serve
    consumer = Consumer(window, subscriber, "sample", handle, result=heard)
    signal.signal(signal.SIGINT, lambda *_: consumer.stop())
    consumer.serve()
    # end


if __name__ == "__main__":
    main()

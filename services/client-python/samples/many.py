"""Files many declarations over one stream, and says how each one went.

    python samples/many.py < FILE

FILE has a line of JSON for each: {"requestId": "…", "declaration": {…}}. The window may die meanwhile: what
it has not answered is sent again. Start the sample again with the same file, and nothing is filed twice.
"""

import sys
from collections.abc import Iterator

from google.protobuf import json_format

from single_window import Window, submit_all
from single_window.declaration.v1.declaration_service_pb2 import SubmitRequest


def requests() -> Iterator[SubmitRequest]:
    for line in sys.stdin:
        yield json_format.Parse(line, SubmitRequest())


def main() -> int:
    window = Window.sandbox("enterprise-a")
    refused = 0
    # snippet: many
    for answer in submit_all(window, requests()):
        if answer.receipt:
            print(answer.request_id, "filed", answer.receipt.name, flush=True)
        else:
            print(answer.request_id, "refused", answer.refusal, flush=True)
            refused += 1
    # end
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())

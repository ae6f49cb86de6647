"""Files one declaration and waits for its release.

    python samples/basic.py [FILE]

FILE is a declaration as JSON, for example docs/examples/import-9610.json.
"""

import sys
import uuid
from pathlib import Path

from single_window import Refusal, Window, declaration_from_json, watch
from single_window.trade.v1.declaration_pb2 import State

EXAMPLE = Path(__file__).parents[3] / "docs/examples/import-9610.json"


def main() -> int:
    # snippet: connect
    window = Window.sandbox("enterprise-a", with_key=True)
    window.check()
    # end
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else EXAMPLE
    declaration = declaration_from_json(file.read_bytes())
    # Each run of the sample is an order of its own.
    declaration.order_no = f"PY-{uuid.uuid4().hex[:12]}"
    declaration.cop_no = declaration.order_no
    # snippet: submit
    try:
        receipt = window.submit(declaration)
    except Refusal as refusal:
        for broken in refusal.violations:
            print(broken.field, broken.code, broken.text, broken.text_zh, broken.link)
        print(refusal)
        return 1
    print("filed", receipt.name, receipt.pre_no)
    # end
    # snippet: wait
    for news in watch(window, name=receipt.name):
        print(State.Name(news.state))
        if not news.waits_for:
            break
    # end
    return 0 if window.get(declaration.order_no).release_id else 1


if __name__ == "__main__":
    sys.exit(main())

"""Follows what happens to one's declarations, over cuts and restarts of either side.

    python samples/follow.py STORE

STORE is a file that keeps where to go on. Ends with Ctrl-C.
"""

import os
import sys
from pathlib import Path

from single_window import Back, Entry, Lost, Window, watch
from single_window.trade.v1.declaration_pb2 import State


def kept(store: Path) -> str:
    return store.read_text() if store.exists() else "beginning"


def keep(store: Path, token: str) -> None:
    beside = store.with_suffix(".new")
    beside.write_text(token)
    os.replace(beside, store)


def main() -> None:
    store = Path(sys.argv[1])
    window = Window.sandbox("enterprise-a")
    # snippet: follow
    news = watch(window, resume=kept(store))
    for update in news.updates():
        if isinstance(update, Entry):
            print(update.entry.name, State.Name(update.entry.state), flush=True)
        elif isinstance(update, (Lost, Back)):
            print(update, file=sys.stderr, flush=True)
        # Kept after it was processed: what came with it may come again, and nothing is missed.
        keep(store, str(news.resume))
    # end


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass

"""Sends a national message, and follows the receipts of its sender until those that were answered at once are there.

    python tests/sdks/ceb.py FILE DXPID
"""

import sys
from pathlib import Path

from single_window import Window, receipts


def main() -> int:
    file, number = sys.argv[1:]
    with Window.sandbox("agent") as window:
        broken = window.send_ceb(b"<nothing/>")
        print("broken", broken.message_type, len(broken.faults) > 0)
        sent = window.send_ceb(Path(file).read_bytes())
        said = [receipt.return_status for message in sent.messages for receipt in message.receipts]
        print("sent", sent.message_type, *said)
        following = receipts(window, number)
        left = len(said)
        for message in following:
            for receipt in message.receipts:
                print("receipt", message.position, message.message_type, receipt.return_status, flush=True)
                left -= 1
                if left == 0:
                    print("resume", following.resume)
                    following.close()
                    return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""Hosts of a test: network namespaces that reach each other through this process only, each packet delayed.

    hosts.py DELAY_MS PREFIX HOST...

Host number n (from 1) is the namespace PREFIX-HOST with the address 10.77.0.n; all know each other by name, and
`window` is the name of every host that begins with it. Needs root and /dev/net/tun, and no module of the kernel for
delays. Says "ready" when they are there. It reads lines, "cut HOST" and "join HOST", and ends when there are no more:
then whatever runs in the namespaces is killed and they are removed.
"""

import collections
import fcntl
import os
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
NETWORK = bytes([10, 77, 0])


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def device(name):
    """The end of a network device that is not a card: packets are read and written here."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


def begin(prefix, hosts):
    ends = []
    lines = ["127.0.0.1 localhost"]
    for number, host in enumerate(hosts, 1):
        names = f"{host} window" if host.startswith("window") else host
        lines.append(f"10.77.0.{number} {names}")
    for number, host in enumerate(hosts, 1):
        space, link = f"{prefix}-{host}", f"sw{os.getpid() % 100000}n{number}"
        os.makedirs(f"/etc/netns/{space}")
        with open(f"/etc/netns/{space}/hosts", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        ip("netns", "add", space)
        ends.append(device(link))
        ip("link", "set", "dev", link, "netns", space)
        for args in (
            ["link", "set", "dev", "lo", "up"],
            ["link", "set", "dev", link, "name", "lan"],
            ["link", "set", "dev", "lan", "mtu", "9000", "up"],
            ["address", "add", f"10.77.0.{number}/24", "dev", "lan"],
        ):
            ip("-n", space, *args)
    return ends


def end(prefix, hosts):
    for host in hosts:
        space = f"{prefix}-{host}"
        listed = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=False)
        for pid in listed.stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(f"/etc/netns/{space}", ignore_errors=True)


def switch(ends, hosts, delay):
    under_way, cut = collections.deque(), set()
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    for number, descriptor in enumerate(ends):
        selector.register(descriptor, selectors.EVENT_READ, number)
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in selector.select(wait):
            if key.fd == 0:
                lines = os.read(0, 4096).decode()
                if not lines:
                    return
                for line in lines.splitlines():
                    verb, host = line.split()
                    (cut.add if verb == "cut" else cut.discard)(hosts.index(host))
                continue
            for _ in range(64):
                try:
                    packet = os.read(key.fd, 65536)
                except BlockingIOError:
                    break
                to = packet[19] - 1
                if packet[0] >> 4 == 4 and packet[16:19] == NETWORK and to < len(ends):
                    under_way.append((time.monotonic() + delay, key.data, to, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, sender, to, packet = under_way.popleft()
            if sender not in cut and to not in cut:
                try:
                    os.write(ends[to], packet)
                except OSError:
                    pass  # full, as a network may be


def main():
    delay, prefix, hosts = float(sys.argv[1]) / 1000, sys.argv[2], sys.argv[3:]
    # A test that is interrupted closes our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ends = begin(prefix, hosts)
        print("ready", flush=True)
        switch(ends, hosts, delay)
    finally:
        end(prefix, hosts)


main()

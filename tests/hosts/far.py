"""A network with a delay between its hosts, for kernels without netem: every packet between two hosts waits so long.

    far.py SECONDS NAMESPACE=ADDRESS...

Makes `eth0` with the address in each namespace, says `ready`, and carries packets until its standard input ends.
"""
import fcntl
import heapq
import os
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
delay = float(sys.argv[1])
ports = {}
for number, host in enumerate(sys.argv[2:]):
    namespace, address = host.split("=")
    port = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    name = f"far{number}"
    fcntl.ioctl(port, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    for command in (
        f"ip link set {name} netns {namespace} name eth0",
        f"ip -n {namespace} addr add {address}/24 dev eth0",
        f"ip -n {namespace} link set eth0 up",
    ):
        subprocess.run(command.split(), check=True)
    ports[socket.inet_aton(address)] = port
print("ready", flush=True)
waiting = []
order = 0
poll = select.poll()
poll.register(0, select.POLLIN | select.POLLHUP)
for port in ports.values():
    poll.register(port, select.POLLIN)
while True:
    pause = None if not waiting else max(0.0, waiting[0][0] - time.monotonic()) * 1000
    for ready, _ in poll.poll(pause):
        if ready == 0:
            if not os.read(0, 1):
                sys.exit()
            continue
        try:
            while True:
                packet = os.read(ready, 65535)
                # IPv4 only; who it is for stands in the header.
                port = ports.get(packet[16:20]) if packet[0] >> 4 == 4 else None
                if port is not None:
                    order += 1
                    heapq.heappush(waiting, (time.monotonic() + delay, order, port, packet))
        except BlockingIOError:
            pass
    now = time.monotonic()
    while waiting and waiting[0][0] <= now:
        _, _, port, packet = heapq.heappop(waiting)
        try:
            os.write(port, packet)
        except (BlockingIOError, OSError):
            pass  # lost, as on any network

#!/usr/bin/env python3
"""attach_many.py COUNT SOCKET MONITOR_PID - attach to a container's monitor COUNT times, and leave.

Says HELLO as src/monitor/protocol.h has it, takes the answer, and leaves in turn by DETACH, by closing the
socket at once, by sending half a message. Fails when the monitor's descriptors or memory grow."""

import os
import socket
import struct
import sys
import time

HEADER = struct.Struct("=IIii")
HELLO, WELCOME, DETACH = 1, 2, 8
MAGIC, VERSION, ROLE_ATTACH = 0x6E6D7331, 1, 1


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def private_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("Private_"))


def settle(pid, wanted):
    """The monitor closes what its clients left when it comes to it, and then gives its buffers back."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if descriptors(pid) == wanted[0] and private_kib(pid) <= wanted[1]:
            return
        time.sleep(0.05)
    sys.exit("the monitor had %d descriptors and %d KiB, and has %d and %d KiB"
             % (*wanted, descriptors(pid), private_kib(pid)))


def attach(path, way):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(path)
        payload = struct.pack("=IIIIHHI", MAGIC, VERSION, ROLE_ATTACH, 7, 0, 0, 0)
        client.send(HEADER.pack(HELLO, len(payload), 0, 0) + payload)
        if way == 1:
            return
        answer = client.recv(65536)
        if not answer or HEADER.unpack_from(answer)[0] != WELCOME:
            sys.exit("no WELCOME: %r" % answer[:32])
        client.send(HEADER.pack(DETACH, 0, 0, 0) if way == 0 else b"\0\0")


def main():
    count, path, pid = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # The full path may not fit a sockaddr.
    os.chdir(os.path.dirname(path))
    name = os.path.basename(path)
    for way in range(3):
        attach(name, way)
    time.sleep(1)
    wanted = (descriptors(pid), private_kib(pid) + 8)
    for i in range(count):
        attach(name, i % 3)
    settle(pid, wanted)
    print("%d times, %d descriptors, %d KiB" % (count, *wanted))


main()

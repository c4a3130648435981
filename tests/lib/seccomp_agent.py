#!/usr/bin/env python3
"""Answer a seccomp filter's questions: seccomp_agent.py SOCKET ERRNO [COUNT]

Prints "ready" when it listens on SOCKET. Takes a container process state with a listener (runtime-spec
config-linux.md, "The Container Process State"), prints it as one line of JSON, and answers every call
with ERRNO until nobody is left who could ask; COUNT listeners (default 1), one after another."""

import fcntl
import json
import os
import select
import socket
import sys

RECV, SEND = 0xC0502100, 0xC0182101


def answer(listener, errno):
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll()[0][1]
        if not events & select.POLLIN:
            return
        request = bytearray(80)
        try:
            fcntl.ioctl(listener, RECV, request)
            number = bytes(request[0:8])
            reply = number + bytes(8) + (-errno).to_bytes(4, "little", signed=True) + bytes(4)
            fcntl.ioctl(listener, SEND, reply)
        except OSError:
            pass  # it was killed meanwhile


def main():
    path, errno = sys.argv[1], int(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen()
    print("ready", flush=True)
    for _ in range(count):
        peer, _ = server.accept()
        text, fds, _, _ = socket.recv_fds(peer, 65536, 1)
        print(json.dumps(json.loads(text)), flush=True)
        peer.close()
        answer(fds[0], errno)
        os.close(fds[0])


main()

#!/usr/bin/env python3
"""Answer a seccomp filter's questions: seccomp_agent.py [--hold N FILE] SOCKET ERRNO|continue [COUNT]

Prints "ready" when it listens on SOCKET. Takes a container process state with a listener (runtime-spec
config-linux.md, "The Container Process State"), prints it as one line of JSON, and answers every call
with ERRNO, or lets it go on, until nobody is left who could ask; COUNT listeners (default 1), each with a
thread of its own. --hold: the Nth listener's calls wait until FILE is there; "held" is printed before."""

import fcntl
import json
import os
import select
import socket
import sys
import threading
import time

RECV, SEND = 0xC0502100, 0xC0182101


CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE


def answer(listener, errno, hold):
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll()[0][1]
        if not events & select.POLLIN:
            break
        request = bytearray(80)
        try:
            fcntl.ioctl(listener, RECV, request)
            if hold:
                print("held", flush=True)
                while not os.path.exists(hold):
                    time.sleep(0.05)
            number = bytes(request[0:8])
            flags = CONTINUE if errno is None else 0
            reply = number + bytes(8) + (-(errno or 0)).to_bytes(4, "little", signed=True) + flags.to_bytes(4, "little")
            fcntl.ioctl(listener, SEND, reply)
        except OSError:
            pass  # it was killed meanwhile
    os.close(listener)


def main():
    words = sys.argv[1:]
    held, hold = 0, None
    if words[0] == "--hold":
        held, hold, words = int(words[1]), words[2], words[3:]
    path, errno = words[0], None if words[1] == "continue" else int(words[1])
    count = int(words[2]) if len(words) > 2 else 1
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen()
    print("ready", flush=True)
    for number in range(1, count + 1):
        peer, _ = server.accept()
        text, fds, _, _ = socket.recv_fds(peer, 65536, 1)
        print(json.dumps(json.loads(text)), flush=True)
        peer.close()
        threading.Thread(target=answer, args=(fds[0], errno, hold if number == held else None)).start()


main()

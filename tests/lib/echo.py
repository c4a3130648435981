#!/usr/bin/env python3
"""A server for network tests: echo.py tcp|udp ADDRESS:PORT...

Prints the ports on one line when all listen (PORT 0: a free one), then answers every datagram, and
every connection's first line, with "PORT PEER-ADDRESS DATA"."""

import socket
import sys
import threading


def tcp(sock):
    while True:
        conn, peer = sock.accept()
        with conn:
            conn.settimeout(20)
            try:
                data = conn.recv(4096)
                conn.sendall(b"%d %s %s" % (sock.getsockname()[1], peer[0].encode(), data))
            except OSError:
                pass


def udp(sock):
    while True:
        data, peer = sock.recvfrom(65536)
        sock.sendto(b"%d %s %s" % (sock.getsockname()[1], peer[0].encode(), data), peer)


serve, kind = (tcp, socket.SOCK_STREAM) if sys.argv[1] == "tcp" else (udp, socket.SOCK_DGRAM)
sockets = []
for where in sys.argv[2:]:
    address, _, port = where.rpartition(":")
    sock = socket.socket(socket.AF_INET, kind)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, int(port)))
    if kind == socket.SOCK_STREAM:
        sock.listen(16)
    sockets.append(sock)
print(" ".join(str(sock.getsockname()[1]) for sock in sockets), flush=True)
for sock in sockets:
    threading.Thread(target=serve, args=(sock,)).start()

#!/usr/bin/env python3
"""ask.py tcp|udp ADDRESS PORT TEXT - send TEXT, print what comes back; 1 when nothing does."""

import socket
import sys

kind = socket.SOCK_STREAM if sys.argv[1] == "tcp" else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET, kind) as sock:
    sock.settimeout(5)
    try:
        sock.connect((sys.argv[2], int(sys.argv[3])))
        sock.send(sys.argv[4].encode() + b"\n")
        print(sock.recv(65536).decode().strip())
    except OSError as why:
        sys.exit("ask.py: %s" % why)

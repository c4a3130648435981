#!/usr/bin/env python3
"""console.py SOCKET OUTPUT COMMAND... - receive a terminal: listen on SOCKET as an engine does for --console-socket,
run COMMAND, take the terminal's descriptor that it sends, and copy what comes from the terminal to the file OUTPUT
until it is closed. Ends as COMMAND ends, or with 3 when no terminal came."""

import array
import os
import socket
import subprocess
import sys


def main():
    path, output, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    listener.settimeout(60)
    status = None
    connection = None
    while connection is None:
        try:
            listener.settimeout(0.2)
            connection = listener.accept()[0]
        except TimeoutError:
            status = process.poll()
            if status is not None:
                sys.exit(status or 3)
    fds = array.array("i")
    connection.settimeout(60)
    data, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(fds.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: fds.itemsize])
    if len(fds) != 1 or not os.isatty(fds[0]) or not data:
        sys.exit(3)
    status = process.wait()
    with open(output, "wb", buffering=0) as out:
        if len(os.environ.get("CONSOLE_START", "")):
            subprocess.run(os.environ["CONSOLE_START"], shell=True, check=True)
        while True:
            try:
                text = os.read(fds[0], 4096)
            except OSError:
                break
            if not text:
                break
            out.write(text)
    sys.exit(status)


main()

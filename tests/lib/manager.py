#!/usr/bin/env python3
"""manager.py notify [@] COMMAND...   what a service manager is told by COMMAND's service
manager.py listen COMMAND...       COMMAND gets two listening sockets, as systemd hands them over
manager.py again N COMMAND...      both; N clients connect, one after the other; the port is left in $XDG_RUNTIME_DIR/port

notify prints one line for each message, its lines joined by " | ", process numbers as N where they are a
running pod-monitor's; with @ the socket's name is abstract. listen connects to the first socket and
prints what it is answered. Ends with COMMAND's status. Messages are awaited for a moment after COMMAND's end.
"""

import os
import re
import socket
import subprocess
import sys


def monitor(match):
    try:
        with open("/proc/%s/comm" % match.group(1)) as f:
            return "MAINPID=N" if f.read().strip() == "pod-monitor" else match.group(0)
    except OSError:
        return match.group(0) + " (gone)"


def notify(command):
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    if command[0] == "@":
        command = command[1:]
        name = "@pod-test-%d" % os.getpid()
        manager.bind("\0" + name[1:])
    else:
        name = os.path.join(os.environ["XDG_RUNTIME_DIR"], "manager-%d" % os.getpid())
        manager.bind(name)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=dict(os.environ, NOTIFY_SOCKET=name))
    ended = None
    while True:
        manager.settimeout(0.1 if ended is None else 1)
        try:
            text = manager.recv(4096).decode()
        except TimeoutError:
            if ended is not None:
                break
            ended = process.poll()
            continue
        print(" | ".join(re.sub(r"MAINPID=(\d+)", monitor, text).split("\n")), flush=True)
    return ended


def listen(command, times=1):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    pid = os.fork()
    if pid == 0:
        high = [os.dup2(s.fileno(), 30 + i) for i, s in enumerate(servers)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)
        os.closerange(5, 64)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="2", LISTEN_FDNAMES="web:other")
        os.execvp(command[0], command)
    port = servers[0].getsockname()[1]
    for server in servers:
        server.close()
    with open(os.path.join(os.environ["XDG_RUNTIME_DIR"], "port"), "w", encoding="ascii") as f:
        f.write(str(port))
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            print(client.makefile().read(), end="", flush=True)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(mode, *words):
    if mode == "again":
        return notify([sys.executable, __file__, "listen-times", *words])
    if mode == "listen-times":
        return listen(list(words[1:]), int(words[0]))
    return {"notify": notify, "listen": listen}[mode](list(words))


sys.exit(main(*sys.argv[1:]))

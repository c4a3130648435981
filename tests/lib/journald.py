#!/usr/bin/env python3
"""journald.py DIR - stands in for systemd-journald: takes datagrams of the native protocol on DIR/socket and appends
each to DIR/entries as journalctl's JSON. Prints "ready" when it listens. DIR/journalctl, which it makes, prints
them: journalctl's options as far as pod uses them; any other is refused."""

import json
import os
import socket
import stat
import struct
import sys
import time

ALWAYS = ("__CURSOR", "__REALTIME_TIMESTAMP")


def fields(data):
    """The fields of one message; a malformed one ends the test double, so that the test sees it."""
    while data:
        line, newline, rest = data.partition(b"\n")
        assert newline, data
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + size], rest[8 + size :]
            assert rest[:1] == b"\n", data
            rest = rest[1:]
        assert name and name.decode("ascii").replace("_", "").isalnum() and name.isupper() and name[:1] != b"_", name
        yield name.decode(), value
        data = rest


def uid_outside(uid):
    """What a journal outside of this user namespace calls it."""
    for line in open("/proc/self/uid_map"):
        inside, outside, count = map(int, line.split())
        if inside <= uid < inside + count:
            return outside + uid - inside
    return 65534


def shown(value):
    try:
        text = value.decode()
        if all(c in "\t\n" or c.isprintable() for c in text):
            return text
    except UnicodeDecodeError:
        pass
    return list(value)


def serve(where):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    sock.bind(where + "/socket")
    with open(where + "/journalctl", "w") as f:
        f.write("#!/bin/sh\nexec python3 '%s' --print '%s' \"$@\"\n" % (os.path.abspath(__file__), where))
    os.chmod(where + "/journalctl", stat.S_IRWXU)
    with open(where + "/entries", "a") as out:
        print("ready", flush=True)
        number = 0
        while True:
            data, control, _, _ = sock.recvmsg(1 << 20, 1024)
            (uid,) = (struct.unpack("3i", c[2])[1] for c in control if c[1] == socket.SCM_CREDENTIALS)
            number += 1
            entry = {"__CURSOR": "s=%d" % number, "_UID": str(uid_outside(uid)), "__REALTIME_TIMESTAMP": str(time.time_ns() // 1000)}
            for name, value in fields(data):
                assert name not in entry, name
                entry[name] = shown(value)
            out.write(json.dumps(entry) + "\n")
            out.flush()


def main():
    if sys.argv[1] != "--print":
        serve(sys.argv[1])
    follow = reverse = every = False
    wanted, after, since, matches = None, None, 0, []
    for word in sys.argv[3:]:
        name, _, value = word.partition("=")
        if name == "--follow":
            follow = True
        elif name == "--reverse":
            reverse = True
        elif name == "--all":
            every = True
        elif name == "--output-fields":
            wanted = value.split(",")
        elif name == "--after-cursor":
            after = int(value[2:])
        elif name == "--since":
            since = float(value.lstrip("@")) * 1e6
        elif name.startswith("--") and word not in ("--quiet", "--no-pager", "--no-tail", "--output=json"):
            sys.exit("journalctl: unrecognized option '%s'" % word)
        elif not name.startswith("--"):
            matches.append((name, value))
    if os.path.exists(sys.argv[2] + "/refuse"):
        sys.exit("No journal files were opened due to insufficient permissions.")
    with open(sys.argv[2] + "/entries") as f:
        while True:
            lines = f.read().splitlines()
            for line in reversed(lines) if reverse else lines:
                entry = json.loads(line)
                if any(entry.get(name) != value for name, value in matches):
                    continue
                if int(entry["__CURSOR"][2:]) <= (after or 0) or int(entry["__REALTIME_TIMESTAMP"]) < since:
                    continue
                for name in list(entry):
                    if wanted and name not in ALWAYS and name not in wanted:
                        del entry[name]
                    elif not every and len(entry[name]) >= 4096:
                        entry[name] = None
                print(json.dumps(entry), flush=True)
            if not follow:
                break
            time.sleep(0.02)


try:
    main()
except BrokenPipeError:
    pass

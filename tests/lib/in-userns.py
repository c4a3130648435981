#!/usr/bin/env python3
"""in-userns.py [--mount] COMMAND [ARG...] - COMMAND as root of a user namespace with all the caller's
subordinate ids, with --mount in a mount namespace of its own too.

As unshare(1) --map-root-user --map-auto, which waits for ever where newuidmap fails."""

import ctypes
import os
import pwd
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE = 16384, 1 << 18


def ranges(path, names):
    with open(path) as f:
        return [line.strip().split(":")[1:] for line in f if line.split(":")[0] in names]


def main():
    words = sys.argv[1:]
    mount = bool(words) and words[0] == "--mount"
    words = words[mount:]
    if not words:
        sys.exit(__doc__)
    libc = ctypes.CDLL(None, use_errno=True)
    names = (pwd.getpwuid(os.getuid()).pw_name, str(os.getuid()))
    commands = []
    for tool, own, path in (("newuidmap", os.getuid(), "/etc/subuid"), ("newgidmap", os.getgid(), "/etc/subgid")):
        command = [tool, str(os.getpid()), "0", str(own), "1"]
        inner = 1
        for first, count in ranges(path, names):
            command += [str(inner), first, count]
            inner += int(count)
        commands.append(command)
    begin, end = os.pipe(), os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(begin[1])
        os.close(end[0])
        if os.read(begin[0], 1) == b"x" and all(subprocess.run(c, check=False).returncode == 0 for c in commands):
            os.write(end[1], b"x")
        os._exit(0)
    os.close(begin[0])
    os.close(end[1])
    if libc.unshare(CLONE_NEWUSER | (CLONE_NEWNS if mount else 0)) < 0:
        sys.exit("in-userns: unshare: %s" % os.strerror(ctypes.get_errno()))
    os.write(begin[1], b"x")
    mapped = os.read(end[0], 1) == b"x"
    os.waitpid(helper, 0)
    if not mapped:
        sys.exit("in-userns: the ids could not be mapped")
    os.setgid(0)
    os.setuid(0)
    if mount:
        libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None)
    os.execvp(words[0], words)


main()

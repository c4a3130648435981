#!/usr/bin/env python3
"""Run a command on a pseudo-terminal: terminal.py [--size RxC] [--timeout S] SCRIPT COMMAND [ARG...]

SCRIPT is text, one step a line:
  expect REGEX      read until what came since the last match matches (Python's re, DOTALL)
  send TEXT         escapes as in Python: \\n \\x10; no newline is added
  line TEXT         send TEXT and a newline
  resize ROWS COLS  change the window's size (SIGWINCH follows)
  signal NAME       send it to the command's process
  eof               send Ctrl-D
  hangup            close the terminal
After the last step everything is read until the command ends. The transcript goes to standard output,
the exit status is the command's (128+n after signal n); 124 when a step or the end does not come in
time (default 30 s), with the step on standard error."""

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def main():
    words = sys.argv[1:]
    size, limit = (24, 80), 30.0
    while words and words[0].startswith("--"):
        if words[0] == "--size":
            size = tuple(int(n) for n in words[1].split("x"))
        elif words[0] == "--timeout":
            limit = float(words[1])
        else:
            sys.exit(__doc__)
        words = words[2:]
    if len(words) < 2:
        sys.exit(__doc__)
    script, command = words[0], words[1:]
    pid, fd = pty.fork()
    if pid == 0:
        # The size is set by the child too: the command must not see the time before it.
        set_size(0, *size)
        try:
            os.execvp(command[0], command)
        except OSError as problem:
            os.write(2, ("%s: %s\n" % (command[0], problem.strerror)).encode())
        os._exit(127)
    set_size(fd, *size)
    seen = bytearray()
    start = 0
    ended = False

    def pump(deadline):
        nonlocal ended
        ready, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            ended = True
        seen.extend(data)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return True

    def give_up(what):
        sys.stderr.write("pty: %s\nseen since the last match: %r\n" % (what, bytes(seen[start:])))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os._exit(124)

    for step in script.splitlines():
        step = step.strip()
        if not step or step.startswith("#"):
            continue
        verb, _, rest = step.partition(" ")
        text = codecs.escape_decode(rest.encode())[0]
        deadline = time.monotonic() + limit
        if verb == "expect":
            pattern = re.compile(rest.encode(), re.DOTALL)
            while True:
                match = pattern.search(seen, start)
                if match:
                    start = match.end()
                    break
                if ended or not pump(deadline):
                    give_up("'%s' did not come" % rest)
        elif verb == "send":
            os.write(fd, text)
        elif verb == "line":
            os.write(fd, text + b"\n")
        elif verb == "resize":
            rows, columns = rest.split()
            set_size(fd, int(rows), int(columns))
        elif verb == "signal":
            os.kill(pid, getattr(signal, "SIG" + rest.strip()))
        elif verb == "eof":
            os.write(fd, b"\x04")
        elif verb == "hangup":
            os.close(fd)
            ended = True
        else:
            give_up("unknown step '%s'" % step)
    deadline = time.monotonic() + limit
    while not ended:
        if not pump(deadline):
            give_up("the command did not end")
    while True:
        done, raw = os.waitpid(pid, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            give_up("the command closed its terminal and did not end")
        time.sleep(0.01)
    code = os.waitstatus_to_exitcode(raw)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()

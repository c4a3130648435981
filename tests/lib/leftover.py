#!/usr/bin/env python3
"""leftover.py STORE RUNTIME_DIR - fail when a test left something behind after its containers were removed:

processes (whatever was orphaned below this test file's subreaper), mounts of the store in the
host's mount namespace, locks, entries in tmp/, container records, names, sockets.
Late work of a monitor is allowed a few seconds."""

import os
import sys
import time

import processes



def orphans():
    reaper = int(os.environ.get("POD_TEST_REAPER", "0"))
    found = []
    # bats itself is the first: children are listed oldest first.
    for pid in processes.children(reaper)[1:] if reaper else []:
        what = processes.describe(pid)
        if what and what[1] != "Z":
            found.append("process %d %s: %s" % (pid, what[0], what[2]))
    return found


def mounts(paths):
    with open("/proc/self/mountinfo") as f:
        return ["mount: " + line.strip() for line in f if any(path in line for path in paths)]


def locks(paths):
    wanted = {}
    for path in paths:
        for top, dirs, files in os.walk(path):
            depth = top[len(path):].count("/")
            if depth >= 3 or os.path.basename(top) in ("diff", "upper", "work", "_data"):
                dirs[:] = []
            for name in files:
                try:
                    info = os.lstat(os.path.join(top, name))
                except OSError:
                    continue
                key = "%02x:%02x:%d" % (os.major(info.st_dev), os.minor(info.st_dev), info.st_ino)
                wanted[key] = os.path.join(top, name)
    with open("/proc/locks") as f:
        lines = f.read().splitlines()
    return ["lock on %s: %s" % (wanted[key], line.partition(": ")[2]) for line in lines for key in line.split() if key in wanted]


def entries(path, allowed=()):
    try:
        return ["%s/%s" % (path, name) for name in os.listdir(path) if name not in allowed]
    except FileNotFoundError:
        return []


def look(store, runtime):
    found = orphans() + mounts([store, runtime + "/"]) + locks([store])
    found += ["left in tmp: " + e for e in entries(os.path.join(store, "tmp")) if not e.endswith(".part")]
    found += ["container record: " + e for e in entries(os.path.join(store, "containers"), ("names", "lock"))]
    found += ["name: " + e for e in entries(os.path.join(store, "containers", "names"), ("lock", ".lock"))]
    found += ["socket: " + e for e in entries(os.path.join(runtime, "pod")) if e.endswith(".sock")]
    return found


def main():
    deadline = time.monotonic() + 15
    while True:
        found = look(sys.argv[1], sys.argv[2])
        if not found:
            return 0
        if time.monotonic() > deadline:
            for line in found:
                print("left behind: " + line)
            return 1
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())

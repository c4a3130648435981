"""The processes of a test: everything below its subreaper (tests/lib/reap)."""

import os


def children(pid):
    found = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                found += [int(word) for word in f.read().split()]
    except OSError:
        pass
    return found


def tree(pid):
    found = []
    for child in children(pid):
        found.append(child)
        found += tree(child)
    return found


def describe(pid):
    """(name, state, command line), None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            text = f.read()
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    return text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2], words[:200]

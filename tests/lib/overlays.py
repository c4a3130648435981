#!/usr/bin/env python3
"""The overlay file systems that any process of this test has as its root: device numbers, one a line.

Their options do not tell the upper directory (it was given as a descriptor). With one container in the store
there is one upper directory, and a second file system would be its second mount."""

import os

import processes

found = set()
for pid in processes.tree(int(os.environ["POD_TEST_REAPER"])):
    try:
        with open("/proc/%d/mountinfo" % pid) as f:
            lines = f.read().splitlines()
    except OSError:
        continue
    for line in lines:
        fields, _, kind = line.partition(" - ")
        if kind.startswith("overlay ") and "upperdir=" in kind and fields.split()[3] == "/":
            found.add(fields.split()[2])
print("\n".join(sorted(found)))

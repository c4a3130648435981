#!/usr/bin/env python3
"""shape.py OURS THEIRS [ALLOWED...] - fail when a member of the JSON in file THEIRS is missing in OURS, or of another type.

ALLOWED are members (as a.b.c; elements of arrays are "[]") that may be missing."""

import json
import sys


def members(value, path=""):
    kind = "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__
    yield path, kind
    if isinstance(value, dict):
        for key, member in value.items():
            yield from members(member, "%s.%s" % (path, key) if path else key)
    elif isinstance(value, list):
        for element in value:
            yield from members(element, path + "[]")


def main():
    with open(sys.argv[1]) as f:
        ours = set(members(json.load(f)))
    with open(sys.argv[2]) as f:
        theirs = set(members(json.load(f)))
    bad = sorted("%s (%s)" % m for m in theirs - ours
                 if m[1] != "NoneType" and not any(m[0] == a or m[0].startswith(a + ".") or m[0].startswith(a + "[]") for a in sys.argv[3:]))
    if bad:
        sys.exit("missing or of another type: " + ", ".join(bad))


if __name__ == "__main__":
    main()

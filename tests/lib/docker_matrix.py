#!/usr/bin/env python3
"""Walks what `pod __docker --matrix` lists: every command and option of docker, and its state here.

Options that work must be taken by the parser (what they are given does not exist); refused ones must
end with status 125 and one line that names them. Prints what is not so, then how many were tried.
"""

import re
import subprocess
import sys


# What makes a command end that would go on for ever.
ENDLESS = {"events": ["--until=1"], "stats": ["nope"]}


def docker(*words):
    done = subprocess.run(
        ["docker", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def check_refused(what, *words):
    status, _, text = docker(*words)
    if status != 125 or f"'docker {what}' is not available in this version" not in text or text.count("\n") != 1:
        return f"refusal of 'docker {what}': {status} {text}"
    return None


def check_command(command, state):
    if state == "refused":
        return check_refused(command, *command.split())
    status, text, _ = docker(*command.split(), "--help")
    if status != 0 or f"Usage:  docker {command}" not in text:
        return f"help of 'docker {command}': {status} {text}"
    return None


def check_option(command, option, kind, state):
    words = command.split()
    value = [] if kind == "flag" else ["1"]
    if state == "refused":
        return check_refused(f"{command} --{option}", *words, f"--{option}", *value, "a", "b")
    words.append("=".join([f"--{option}", *value]))
    words += ENDLESS.get(words[-2], [])
    _, _, text = docker(*words)
    wanted = re.search(r"requires (?:at least|exactly) ([12])", text)
    if wanted:
        # no image is called so, and no registry is asked for it
        _, _, text = docker(*words, *(["NOPE"] if wanted[1] == "1" else ["NO:PE", "NOPE"]))
    if "unknown flag" in text or f"--{option}' is not available" in text:
        return f"'docker {command} --{option}' should work: {text}"
    return None


def main():
    matrix = subprocess.run(["pod", "__docker", "--matrix"], capture_output=True, text=True, check=True).stdout
    count = faults = 0
    for line in matrix.splitlines():
        command, option, kind, state = line.split("\t")
        if option == "-":
            fault = check_command(command, state)
        elif command in ("pull", "image pull") and state != "refused":
            continue  # each would ask a registry; other tests use them
        else:
            fault = check_option(command, option, kind, state)
        if fault:
            faults += 1
            print(fault)
        count += 1
    print(f"{count} tried")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""kill -9 at every step: killsteps.py --archive FILE [--pull REFERENCE] [--stride N] [--command WORD]

A step is a system call that others can see: one that changes the store, makes or enters a process or a
namespace, mounts, or speaks to another process. strace kills the process that makes the Nth call of a kind;
every command is run once for every kind and N that it gets to, in two ways: the command alone is killed, or all
of it (command, monitor, init, helpers), each at its own Nth call. After each the same questions are asked as by
killer.py, and that what can be seen of images and layers is whole. --stride tries every Nth step only;
--command only the commands whose first word is WORD. FILE is an archive to load.

A container that runs meanwhile hands out the user namespace, for newuidmap has no privileges when traced.

Ends with 1 at the first fault, having said what was found."""

import argparse
import collections
import os
import re
import subprocess
import tempfile

import leftover
from killer import LIMIT_S, RUNTIME, STORE, Killer

# Not fork, vfork, clone: strace cannot kill a process in their midst. What follows them is there.
CALLS = ("rename renameat renameat2 link linkat symlink symlinkat unlink unlinkat mkdir mkdirat rmdir mknodat "
         "ftruncate fsync fdatasync syncfs execve execveat setns unshare mount umount2 move_mount fsmount "
         "open_tree pivot_root bind connect sendmsg sendto setresuid setresgid capset memfd_create "
         "pidfd_send_signal kill exit_group").split()
# Of some there are thousands, all alike: the first ones, then fewer and fewer.
MANY = 40
LOADED = "localhost/killed"


class StepKiller(Killer):
    def strace(self, words, everything, *options):
        """COMMAND under strace; the lines of its log."""
        with tempfile.NamedTemporaryFile("r", prefix="strace-") as log:
            process = subprocess.Popen(
                ["strace", "-q", "-o", log.name] + ["-f"] * everything + list(options) + ["pod"] + list(words),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                self.fault("the command did not end")
            return log.read().splitlines()

    def steps(self, before, command, everything):
        """[(call, number)] that COMMAND gets to."""
        self.plan = "%s, then count %s" % (before, " ".join(command))
        for words in before:
            self.pod(*words)
        counts = collections.Counter()
        for line in self.strace(command, everything, "-e", "trace=" + ",".join(CALLS)):
            call = re.match(r"((?:\d+ +)?)(\w+)\(", line)
            if call:
                counts[call.groups()] += 1
        self.clear(command)
        most = {}
        for (_, call), count in counts.items():
            most[call] = max(most.get(call, 0), count)
        steps = []
        for call in sorted(most):
            number = 1 + (call == "execve")  # the first is strace's own, of pod
            while number <= most[call]:
                steps.append((call, number))
                number += 1 + number // MANY * 20
        return steps

    def clear(self, command):
        self.pod("rm", "-f", "-i", "-v", "-t", "0", "victim", "other")
        if command[0] == "volume":
            self.pod("volume", "rm", "-f", "data", check=False)
        if command[0] in ("load", "pull", "rmi", "tag"):
            self.pod("rmi", "-f", LOADED, self.args.pull or LOADED, check=False)

    def whole(self):
        """What can be seen of images and layers is whole."""
        for name in os.listdir(STORE + "/layers"):
            if not name.startswith("doomed-") and not os.path.getsize("%s/layers/%s/layer.json" % (STORE, name)):
                self.fault("layer %s has no record" % name)
        for image in set(self.pod("images", "-q").split()):
            self.pod("image", "inspect", image)

    def step(self, before, command, everything, call, number):
        self.plan = "%s, then kill %s at %s %d of %s" % (
            "; ".join(" ".join(words) for words in before) or "-",
            "everything" if everything else "the command", call, number, " ".join(command))
        for words in before:
            self.pod(*words)
        log = self.strace(command, everything, "-e", "trace=" + call,
                          "-e", "inject=%s:signal=SIGKILL:when=%d" % (call, number))
        self.truth()
        self.whole()
        if command[0] in ("load", "pull"):
            self.pod(*command)
            self.pod("run", "--rm", "--network", "none", "--name", "victim", command[-1] if command[0] == "pull"
                     else LOADED, "true")
        self.clear(command)
        rest = self.pod("ps", "-a", "--format", "{{.Names}}").split()
        if rest != ["holder"]:
            self.fault("not removed: %s" % rest)
        self.left(with_tmp=False)
        self.pod("run", "--rm", "--network", "none", "--name", "victim", self.args.image, "true")
        return "+++ killed by SIGKILL" in "\n".join(log)

    def commands(self):
        image = self.args.image
        new = ("--network", "none", "--name", "victim")
        create = ("create",) + new + (image, "sleep", "0.05")
        detached = ("run", "-d") + new + (image, "sleep", "1000")
        ended = ("run",) + new + (image, "true")
        load = ("load", "-q", "-i", self.args.archive)
        commands = [
            ((), ("run", "--rm") + new + (image, "true")),
            ((), ("run", "--rm", "-v", "/mnt") + new + (image, "true")),
            ((), ("run",) + new + (image, "echo", "out")),
            ((), ("run", "-d") + new + (image, "sleep", "0.05")),
            ((), create),
            ((create,), ("start", "victim")),
            ((create,), ("start", "-a", "victim")),
            ((create,), ("rename", "victim", "other")),
            ((detached,), ("exec", "victim", "true")),
            ((detached,), ("stop", "-t", "0", "victim")),
            ((create, ("start", "-a", "victim")), ("restart", "-t", "0", "victim")),
            ((detached,), ("kill", "victim")),
            ((detached,), ("rm", "-f", "-t", "0", "victim")),
            ((ended,), ("cp", self.args.archive, "victim:/etc/file")),
            ((ended,), ("rm", "victim")),
            ((ended,), ("container", "prune", "-f")),
            ((), ("volume", "create", "data")),
            ((("volume", "create", "data"),), ("volume", "rm", "data")),
            ((), load),
            ((load,), ("rmi", LOADED)),
            ((load,), ("tag", LOADED, "localhost/other")),
        ]
        if self.args.pull:
            commands.append(((), ("pull", "-q", "--tls-verify=false", self.args.pull)))
        return [c for c in commands if self.args.command in ("", c[1][0])]

    def campaign(self):
        self.pod("run", "-d", "--name", "holder", "--network", "none", self.args.image, "sleep", "100000")
        self.pod("exec", "holder", "true")  # its monitor is the small program by now
        self.known = leftover.look(STORE, RUNTIME)
        offset = tried = killed = 0
        for before, command in self.commands():
            for everything in (False, True):
                steps = self.steps(before, command, everything)
                for call, number in steps[offset % self.args.stride::self.args.stride]:
                    killed += self.step(before, command, everything, call, number)
                    tried += 1
                offset += 7
        if killed < tried / 2:
            self.fault("only %d of %d steps killed anything" % (killed, tried))
        self.pod("rm", "-f", "-t", "0", "holder")
        self.known = []
        container = self.pod("create", self.args.image, "true").strip()
        self.pod("rm", container)
        self.pod("system", "prune", "-f")
        self.left(with_tmp=True)
        print("%d steps, %d kills" % (tried, killed))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--archive", required=True)
    parser.add_argument("--pull", default="")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--image", default="localhost/busybox")
    parser.add_argument("--command", default="")
    parser.set_defaults(seed=0, network=False)
    StepKiller(parser.parse_args()).campaign()


main()

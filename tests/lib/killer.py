#!/usr/bin/env python3
"""kill -9 at random moments: killer.py --seconds N --seed N [--image NAME] [--pull REFERENCE] [--network] [--restart]

Every round starts one command, kills something a random moment later (the command, a monitor, the
transfer helper, slirp4netns, a container's first process, everything at once), and then asks whether the
rest still stands: `ps` tells the truth, everything can be removed, no mount, lock, process or name is
left, and the image runs (with --pull: the pull carries on). Rounds are derived from the seed; what is
killed when also depends on the machine, so a failure names the round's plan, not a replay.

Ends with 1 at the first fault, having said what was found."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time

import leftover
from processes import tree

STORE = os.environ["STORE"]
RUNTIME = os.environ["XDG_RUNTIME_DIR"]
LIMIT_S = 60
INIT, COMMAND, MONITOR, TRANSFER, SLIRP, EVERYTHING = "init command monitor transfer slirp everything".split()


def ancestors():
    pids, pid = {os.getpid()}, os.getppid()
    while pid > 1:
        pids.add(pid)
        with open("/proc/%d/stat" % pid) as f:
            pid = int(f.read().rpartition(")")[2].split()[1])
    return pids


class Killer:
    def __init__(self, args):
        self.args = args
        self.random = random.Random(args.seed)
        self.reaper = int(os.environ["POD_TEST_REAPER"])
        self.skip = ancestors()
        self.protected = set(tree(self.reaper))
        self.known = []  # what leftover.look() may find: it was there before
        self.plan = ""

    def processes(self):
        """What this campaign's commands have running: below the reaper, and not there when we began."""
        return [p for p in tree(self.reaper) if p not in self.skip and p not in self.protected]

    @staticmethod
    def kind(pid):
        try:
            with open("/proc/%d/status" % pid) as f:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        except OSError:
            return None
        if len(fields.get("NSpid", "").split()) > 1:
            return INIT
        name = fields.get("Name", "")
        if name.startswith("slirp4netns"):
            return SLIRP
        if name.startswith("pod-transfer"):
            return TRANSFER
        if name.startswith("pod-monitor"):
            return MONITOR
        return COMMAND if name.startswith(("pod", "new")) else None

    def kill(self, what):
        killed = []
        for pid in self.processes():
            kind = self.kind(pid)
            if kind and (what == EVERYTHING or kind == what):
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(kind)
                except OSError:
                    pass
        return killed

    def pod(self, *words, check=True):
        try:
            result = subprocess.run(("pod",) + words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, timeout=LIMIT_S, check=False)
        except subprocess.TimeoutExpired:
            self.fault("'pod %s' did not end in %d s" % (" ".join(words), LIMIT_S))
        if check and result.returncode != 0:
            self.fault("'pod %s' ended with %d: %s" % (" ".join(words), result.returncode,
                                                      result.stderr.decode(errors="replace").strip()))
        return result.stdout.decode(errors="replace")

    def fault(self, text):
        print("round %s\n%s" % (self.plan, text))
        print("processes: %s" % ", ".join("%d %s" % (p, self.kind(p)) for p in self.processes()))
        for top in (STORE + "/containers", STORE + "/tmp", RUNTIME + "/pod"):
            for where, dirs, names in os.walk(top):
                if where.count("/") - top.count("/") >= 2:
                    dirs[:] = []
                print("  %s: %s" % (where, " ".join(sorted(dirs + names))))
        sys.exit(1)

    def truth(self):
        """Every container that is said to run has its first process, every other has none."""
        for _ in range(100):
            wrong = None
            for line in self.pod("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}").splitlines():
                container, state = line.split(None, 1)
                pid = self.pod("inspect", "--format", "{{.State.Pid}}", container, check=False).strip()
                alive = pid.isdigit() and int(pid) > 0 and os.path.exists("/proc/%s" % pid)
                if state.split()[0] in ("running", "up") and not alive:
                    wrong = "%s is shown as %s, its process '%s' is not there" % (container, state, pid)
            if not wrong:
                return
            time.sleep(0.05)
        self.fault(wrong)

    def left(self, with_tmp):
        deadline = time.monotonic() + 15
        while True:
            found = [f for f in leftover.look(STORE, RUNTIME) if f not in self.known]
            if not with_tmp:
                # What a killed create or removal leaves in tmp/, the name that leads there and the socket that
                # goes with it are the next writer's to sweep and take over: the round ends with a container
                # of the same name.
                removed = [f.rpartition("/rm-")[2] for f in found if f.startswith("left in tmp") and "/rm-" in f]
                found = [f for f in found if not f.startswith(("left in tmp", "name: "))
                         and not f.endswith(tuple("/%s.sock" % r for r in removed))]
            if not found:
                return
            if time.monotonic() > deadline:
                self.fault("left behind: " + "; ".join(found))
            time.sleep(0.02)

    def start(self, words):
        return subprocess.Popen(("pod",) + words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def round(self, number):
        image, rnd = self.args.image, self.random
        network = "slirp4netns" if self.args.network and rnd.random() < 0.5 else "none"
        run = ("--network", network, "--name", "victim")
        commands = [
            ((), ("run", "--rm") + run + (image, "sleep", "0.02")),
            ((), ("run",) + run + (image, "sh", "-c", "echo out; sleep 0.02")),
            ((), ("run", "-d") + run + (image, "sleep", "1000")),
            (("create",) + run + (image, "sleep", "1000"), ("start", "victim")),
            (("run", "-d") + run + (image, "sleep", "1000"), ("exec", "victim", "sleep", "0.02")),
            (("run", "-d") + run + (image, "sleep", "1000"), ("stop", "-t", "0", "victim")),
            (("run", "-d") + run + (image, "sleep", "1000"), ("rm", "-f", "-t", "0", "victim")),
            (("run", "-d") + run + (image, "sleep", "1000"), ("restart", "-t", "0", "victim")),
            (("run", "-d", "--rm") + run + (image, "sleep", "1000"), ("kill", "victim")),
        ]
        if self.args.restart:
            again = ("run", "-d", "--restart", "always", "--health-cmd", "true", "--health-interval", "10ms") + run
            commands = [
                (again + (image, "true"), ("logs", "victim")),
                (again + (image, "sleep", "0.02"), ("exec", "victim", "true")),
                (again + (image, "sleep", "0.02"), ("stop", "-t", "0", "victim")),
                (again + (image, "true"), ("restart", "-t", "0", "victim")),
                (again + (image, "true"), ("rm", "-f", "-t", "0", "victim")),
            ]
        if self.args.pull:
            commands += [((), ("pull", "-q", "--tls-verify=false", self.args.pull))] * 2
        before, command = rnd.choice(commands)
        what = rnd.choice([COMMAND, COMMAND, MONITOR, MONITOR, EVERYTHING, EVERYTHING, INIT, SLIRP, TRANSFER])
        if command[0] == "pull":
            what = rnd.choice([COMMAND, TRANSFER, TRANSFER, EVERYTHING])
            self.pod("rmi", "-f", self.args.pull, check=False)
        delay = rnd.random() ** 2 * (0.3 if command[0] == "pull" else 0.06)
        if self.args.restart:
            what = rnd.choice([COMMAND, COMMAND, MONITOR, EVERYTHING, INIT])
        self.plan = "%d: %s, then kill %s after %.1f ms of %s" % (
            number, " ".join(before) or "-", what, delay * 1000, " ".join(command))
        if before:
            self.pod(*before)
        if self.args.restart:
            # Over the first two pauses and what comes between them.
            time.sleep(rnd.random() * 0.35)
        process = self.start(command)
        time.sleep(delay)
        self.kill(what)
        if what == EVERYTHING:
            self.kill(what)
        try:
            process.wait(timeout=LIMIT_S if command[-1] != "1000" else 5)
        except subprocess.TimeoutExpired:
            self.fault("the command did not end")
        self.truth()
        if command[0] == "pull":
            self.pod(*command)
            self.pod("run", "--rm", "--network", "none", self.args.pull, "true")
        self.pod("rm", "-a", "-f", "-t", "0")
        rest = self.pod("ps", "-aq").split()
        if rest:
            self.fault("not removed: %s" % rest)
        self.left(with_tmp=False)
        self.pod("run", "--rm", "--network", "none", "--name", "victim", image, "true")

    def campaign(self):
        end = time.monotonic() + self.args.seconds
        number = 0
        while time.monotonic() < end:
            number += 1
            self.round(number)
        # The next writer sweeps what the killed ones left in tmp/.
        container = self.pod("create", self.args.image, "true").strip()
        self.pod("rm", container)
        self.left(with_tmp=True)
        print("%d rounds, seed %d" % (number, self.args.seed))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--image", default="localhost/busybox")
    parser.add_argument("--pull", default="")
    parser.add_argument("--network", action="store_true")
    parser.add_argument("--restart", action="store_true")
    Killer(parser.parse_args()).campaign()


if __name__ == "__main__":
    main()

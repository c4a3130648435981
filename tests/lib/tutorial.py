#!/usr/bin/env python3
"""tutorial.py [--systemd] FILE [OLD=NEW...] - type every command of a tutorial, in order, in one shell, and compare.

Commands stand in ```console blocks (with --systemd in ```console systemd blocks, too) behind "$ ", their continuations behind "> ". Below is what standard output,
or output and error together, must be: "..." stands for anything, runs of blanks for any blanks. A command fails the tutorial when it fails,
unless what is below begins with "Error:": then it must fail, and that is its standard error. Lines behind
"/ # " are typed at the prompt of the command before them, on a terminal. OLD=NEW replaces text first."""

import os
import re
import subprocess
import sys
import tempfile

MARK = "tutorial-command-ended"
lib = os.path.dirname(os.path.abspath(__file__))


def commands(text, kinds):
    """[line number, command, answers, [[typed, answers]...]] of each command"""
    found = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = not inside and line[3:] in kinds
        elif not inside:
            continue
        elif line.startswith("$ "):
            found.append([number, line[2:], [], []])
        elif line.startswith("> "):
            found[-1][1] += "\n" + line[2:]
        elif line.startswith("/ # "):
            found[-1][3].append([line[4:], []])
        elif found[-1][3]:
            found[-1][3][-1][1].append(line)
        else:
            found[-1][2].append(line)
    return found


def pattern(lines, end="\n"):
    text = "\n".join(lines)
    result = "".join("(?:.*?)" if part == "..." else r"\s+" if part.isspace() and "\n" not in part
                     else re.escape(part) for part in re.split(r"(\.\.\.|[ ]+)", text))
    return result + end if lines else ""


def terminal_script(typed):
    steps = []
    for line, answers in typed:
        steps += ["expect / # (?:\x1b\\[6n)?", "line " + line]
        if answers:
            steps.append("expect " + pattern(answers, "").replace("\n", r"\r?\n"))
    return "\n".join(steps)


class Shell:
    def __init__(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)

    def run(self, command):
        """(status, output, errors)"""
        self.errors.seek(0)
        self.errors.truncate()
        # At the end of what came, which need not be a line's: a blank line of our own would be seen.
        self.process.stdin.write(("{ %s\n} </dev/null\necho %s $?\n" % (command, MARK)).encode())
        self.process.stdin.flush()
        output = ""
        while True:
            line = self.process.stdout.readline().decode(errors="replace")
            if not line:
                sys.exit("the shell ended:\n" + output)
            before, mark, status = line.partition(MARK)
            output += before
            if mark:
                self.errors.seek(0)
                return int(status), output, self.errors.read().decode(errors="replace")


def main():
    words = sys.argv[1:]
    kinds = ["console"]
    if words[0] == "--systemd":
        kinds.append("console systemd")
        words = words[1:]
    with open(words[0]) as f:
        text = f.read()
    for replacement in words[1:]:
        old, _, new = replacement.partition("=")
        text = text.replace(old, new)
    shell = Shell()
    done = 0
    for number, command, answers, typed in commands(text, kinds):
        if typed:
            with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
                file.write(command)
                file.flush()
                words = " ".join("'%s'" % w.replace("'", "'\\''") for w in
                                 (lib + "/terminal.py", terminal_script(typed), "bash", file.name))
                status, output, errors = shell.run("python3 " + words)
            wrong = status != 0
        elif answers and answers[0].startswith("Error:"):
            status, output, errors = shell.run(command)
            wrong = status == 0 or not re.fullmatch(pattern(answers), errors, re.DOTALL)
        else:
            status, output, errors = shell.run(command)
            wrong = status != 0 or not (re.fullmatch(pattern(answers), output, re.DOTALL)
                                        or re.fullmatch(pattern(answers), output + errors, re.DOTALL))
        if wrong:
            print("line %d: $ %s\nstatus %d\n%s%s" % (number, command, status, output, errors))
            print("expected:\n" + "\n".join(answers))
            sys.exit(1)
        done += 1
    print("%d commands" % done)


main()

#!/usr/bin/env python3
"""Drive `pod-transfer fetch` by hand (registry/fetch_protocol.h):

fetch.py [--authfile F] [--creds U:P] [--cert-dir D] [--tls-verify true|false] [--platform OS/ARCH[/VARIANT]]
         REFERENCE [DIRECTORY]

Resolves REFERENCE and prints the answer as one line of JSON; with DIRECTORY fetches the layers into
DIRECTORY/<hex>.part, continuing what lies there, and prints "done HEX" for each. A failure is one line
"error KIND: MESSAGE" and status 1. Offsets that fall back, or progress beyond the size, end it with
status 2."""

import argparse
import array
import fcntl
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys

HEAD = struct.Struct("=IIIIiIQ")
RESOLVE, RESOLVED, FETCH, PROGRESS, DONE, ERROR = 1, 2, 3, 4, 5, 6
KINDS = "SYSTEM USAGE INVALID NOT_FOUND CONFLICT DIGEST REMOTE UNSUPPORTED".split()


def send(sock, kind, number=0, offset=0, text=b"", fds=()):
    head = HEAD.pack(1, kind, number, 0, 0, len(text), offset)
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([head, text], control)


def receive(sock):
    data, control, _flags, _address = sock.recvmsg(65536, socket.CMSG_SPACE(3 * 4))
    if not data:
        sys.exit("the fetcher is gone")
    fds = array.array("i")
    for level, kind, piece in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(piece)
    _version, kind, number, error, _errnum, _length, offset = HEAD.unpack(data[:HEAD.size])
    return kind, number, error, offset, data[HEAD.size:].decode(), list(fds)


def read_document(fd, wanted):
    data = os.pread(fd, wanted["size"] + 1, 0)
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    if digest != wanted["digest"] or len(data) != wanted["size"]:
        print("bad document: %s" % digest)
        sys.exit(2)
    return data


def find_program():
    stage = os.environ.get("POD_TEST_STAGE")
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for path in ([os.path.join(stage, "libexec/pod/pod-transfer")] if stage else []) + \
            [os.path.join(here, "build/libexec/pod-transfer")]:
        if os.access(path, os.X_OK):
            return path
    sys.exit("no pod-transfer")


def fail(error, text):
    print("error %s: %s" % (KINDS[error] if error < len(KINDS) else error, text))
    sys.exit(1)


def main():
    parser = argparse.ArgumentParser()
    for name in ("authfile", "creds", "cert-dir", "tls-verify", "platform"):
        parser.add_argument("--" + name)
    parser.add_argument("reference")
    parser.add_argument("directory", nargs="?")
    args = parser.parse_args()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The fetcher's end has to be descriptor 3, ours must not be in its way.
    pair = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (ours, theirs)]
    ours.close()
    theirs.close()
    ours, theirs = socket.socket(fileno=pair[0]), pair[1]
    child = subprocess.Popen([find_program(), "fetch"] + (["debug"] if os.environ.get("DEBUG") else []),
                             close_fds=False, stdin=subprocess.DEVNULL, preexec_fn=lambda: os.dup2(theirs, 3))
    os.close(theirs)
    request = {"reference": args.reference}
    if args.authfile:
        request["authfile"] = args.authfile
    if args.creds:
        request["username"], _, request["password"] = args.creds.partition(":")
    if args.cert_dir:
        request["certDir"] = args.cert_dir
    if args.tls_verify:
        request["tlsVerify"] = args.tls_verify == "true"
    if args.platform:
        words = args.platform.split("/")
        request.update(zip(("os", "architecture", "variant"), words))
    send(ours, RESOLVE, text=json.dumps(request).encode())
    kind, _number, error, _offset, text, fds = receive(ours)
    if kind == ERROR:
        fail(error, text)
    answer = json.loads(text)
    manifest = json.loads(read_document(fds[0], answer["manifest"]))
    read_document(fds[1], answer["config"])
    if "index" in answer:
        read_document(fds[2], answer["index"])
    print(json.dumps(answer), flush=True)
    if args.directory:
        fetch_layers(ours, manifest["layers"], args.directory)
    ours.close()
    status = child.wait()
    if status:
        print("fetcher ended with status %d" % status)
        sys.exit(2)


def fetch_layers(sock, layers, directory):
    os.makedirs(directory, exist_ok=True)
    left = {}
    for number, layer in enumerate({layer["digest"]: layer for layer in layers}.values(), 1):
        path = os.path.join(directory, layer["digest"].split(":")[1] + ".part")
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        offset = os.fstat(fd).st_size
        send(sock, FETCH, number, offset, json.dumps({key: layer[key] for key in ("digest", "size", "urls")
                                                      if key in layer}).encode(), [fd])
        os.close(fd)
        left[number] = [layer, path, offset]
    while left:
        kind, number, error, offset, text, _fds = receive(sock)
        layer, path, before = left[number]
        if kind == ERROR:
            fail(error, text)
        if offset < before or offset > layer["size"] or os.stat(path).st_size < offset:
            print("bad offset %d after %d" % (offset, before))
            sys.exit(2)
        left[number][2] = offset
        if kind == DONE:
            with open(path, "rb") as f:
                digest = hashlib.sha256(f.read()).hexdigest()
            print("done %s" % digest if "sha256:" + digest == layer["digest"] else "wrong %s" % digest, flush=True)
            del left[number]


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Run Debian's docker-registry on a free loopback port: registry.py DIRECTORY [plain|tls|basic|token]...

When it listens, prints its URL; then runs until it is killed. DIRECTORY gets data/, config.yml, the
registry's log and with tls ca.crt, the private CA. basic and token know user "user" with password
"secret"; the token service is part of this program and gives anonymous users pull rights on
repositories below "public/"."""

import base64
import ctypes
import hashlib
import http.server
import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
import urllib.parse

USER, PASSWORD = "user", "secret"


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options).stdout


def make_certificates(top):
    ca, key, crt = (os.path.join(top, name) for name in ("ca.crt", "server.key", "server.crt"))
    ca_key, csr, ext = (os.path.join(top, name) for name in ("ca.key", "server.csr", "server.ext"))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("openssl", "req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "3650", "-subj", "/CN=tests' CA")
    run("openssl", "req", *curve, "-keyout", key, "-out", csr, "-subj", "/CN=localhost")
    with open(ext, "w") as f:
        f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    run("openssl", "x509", "-req", "-in", csr, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-out", crt,
        "-days", "3650", "-extfile", ext)
    return key, crt


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class TokenService:
    """Signs what docker-registry asks for: https://docs.docker.com/registry/spec/auth/jwt/"""

    def __init__(self, top):
        self.key = os.path.join(top, "token.key")
        self.certificate = os.path.join(top, "token.crt")
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out",
            self.certificate, "-days", "3650", "-subj", "/CN=tests' token service")
        der = run("openssl", "x509", "-in", self.certificate, "-outform", "DER")
        self.header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                service.answer(self, urllib.parse.parse_qs(url.query))

            def do_POST(self):
                length = int(self.headers.get("Content-Length", "0"))
                form = urllib.parse.parse_qs(self.rfile.read(length).decode())
                service.answer(self, form)

            def log_message(self, text, *words):
                sys.stderr.write("token: " + text % words + "\n")

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request, query):
        user = None
        given = request.headers.get("Authorization", "")
        if given.startswith("Basic "):
            user, _, password = base64.b64decode(given[6:]).decode().partition(":")
            if (user, password) != (USER, PASSWORD):
                return self.send(request, 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]})
        elif query.get("grant_type") == ["password"]:
            user = query.get("username", [""])[0]
            if (user, query.get("password", [""])[0]) != (USER, PASSWORD):
                return self.send(request, 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]})
        access = []
        for scope in " ".join(query.get("scope", [])).split():
            match = re.match(r"^(repository):([^:]+):(.+)$", scope)
            if not match:
                continue
            actions = match.group(3).split(",")
            if user is None:
                actions = [a for a in actions if a == "pull" and match.group(2).startswith("public/")]
            access.append({"type": match.group(1), "name": match.group(2), "actions": actions})
        now = int(time.time())
        claims = {"iss": "tests", "sub": user or "", "aud": query.get("service", ["tests"])[0], "exp": now + 300,
                  "nbf": now - 10, "iat": now, "jti": hashlib.sha256(os.urandom(16)).hexdigest(), "access": access}
        signed = encode(json.dumps(self.header).encode()) + b"." + encode(json.dumps(claims).encode())
        signature = run("openssl", "dgst", "-sha256", "-sign", self.key, input=signed)
        token = (signed + b"." + encode(signature)).decode()
        self.send(request, 200, {"token": token, "access_token": token, "expires_in": 300})

    @staticmethod
    def send(request, status, value):
        body = json.dumps(value).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def main():
    top, modes = sys.argv[1], set(sys.argv[2:]) - {"plain"}
    if modes - {"tls", "basic", "token"}:
        sys.exit("registry: unknown mode: %s" % " ".join(sorted(modes)))
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # not beyond the test that started it
    config = ["version: 0.1", "log: {level: info, accesslog: {disabled: false}}",
              "storage: {filesystem: {rootdirectory: '%s'}, delete: {enabled: true}}" % os.path.join(top, "data"),
              "http:", "  addr: 127.0.0.1:0"]
    if "tls" in modes:
        key, crt = make_certificates(top)
        config += ["  tls: {certificate: '%s', key: '%s'}" % (crt, key)]
    if "basic" in modes:
        htpasswd = os.path.join(top, "htpasswd")
        run("htpasswd", "-Bbc", "-C", "5", htpasswd, USER, PASSWORD)
        config += ["auth: {htpasswd: {realm: tests, path: '%s'}}" % htpasswd]
    elif "token" in modes:
        service = TokenService(top)
        config += ["auth: {token: {realm: 'http://127.0.0.1:%d/token', service: tests, issuer: tests, "
                   "rootcertbundle: '%s'}}" % (service.port, service.certificate)]
    path = os.path.join(top, "config.yml")
    with open(path, "w") as f:
        f.write("\n".join(config) + "\n")
    env = dict(os.environ, OTEL_TRACES_EXPORTER="none")
    registry = subprocess.Popen(["docker-registry", "serve", path], stdin=subprocess.DEVNULL, env=env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0))

    def stop(_number, _frame):
        registry.kill()
        registry.wait()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    announced = False
    for line in registry.stderr:
        sys.stderr.write(line)
        sys.stderr.flush()
        match = re.search(r"listening on (127\.0\.0\.1:\d+)", line)
        if match and not announced:
            announced = True
            print("%s://%s" % ("https" if "tls" in modes else "http", match.group(1)), flush=True)
    sys.exit("docker-registry ended with status %d" % registry.wait())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""A registry that misbehaves on request: registry_double.py LAYOUT REPOSITORY:TAG [fault...]

Serves one OCI layout read-only over plain HTTP on a free loopback port, prints the port's address
(127.0.0.1:PORT), and logs one line a request to standard error: METHOD PATH RANGE AUTHORIZATION STATUS.
Faults:
  cut=BYTES        the first answer for every layer of more than BYTES ends after BYTES
  cut-always=BYTES every such answer does
  no-range         the Range header is ignored
  corrupt          one byte of every layer is changed
  corrupt-header   the same, in a byte of gzip's header that changes nothing of the content
  wrong-manifest   a manifest asked for by digest is another one's bytes
  manifest=TEXT    the manifest is this text
  status=N         every answer below /v2/ is N
  busy=N           the first N answers are 429 with Retry-After: 0
  redirect=URL     layers are at URL + path, on another host
  missing-layers   layers are 404
  slow=BYTES       layers come at BYTES a second
  stall=BYTES      the first answer for every layer stops after BYTES, the connection stays
  wrong-range      answers to Range requests are of another range
  basic            user "user" with password "secret" is demanded
  bearer=URL       a token of that service is demanded, any is taken
  token-uses=N     tokens of this server's own service are demanded, each is good for N requests
  tls=DIRECTORY    HTTPS with server.crt and server.key from there
"""

import hashlib
import http.server
import json
import os
import re
import socketserver
import ssl
import sys
import threading
import time


def main():
    layout, name = sys.argv[1:3]
    faults = dict((item.split("=", 1) + [""])[:2] for item in sys.argv[3:])
    repository, _, tag = name.rpartition(":")
    with open(os.path.join(layout, "index.json")) as f:
        top = json.load(f)["manifests"][0]
    cut_already = set()
    tokens = []  # how often each was used
    busy = [int(faults.get("busy", "0"))]
    lock = threading.Lock()

    def blob(digest):
        try:
            with open(os.path.join(layout, "blobs", *digest.split(":")), "rb") as f:
                return f.read()
        except OSError:
            return None

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_words):
            pass

        def answer(self, status, body=b"", headers=(), length=None):
            sys.stderr.write("%s %s %s %s %d\n" % (
                self.command, self.path, self.headers.get("Range", "-"),
                "authorization" if self.headers.get("Authorization") else "-", status))
            sys.stderr.flush()
            self.send_response(status)
            for key, value in headers:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) if length is None else length))
            self.end_headers()
            if self.command == "HEAD":
                return
            if "slow" in faults and len(body) > 4096:
                step = max(1, int(faults["slow"]) // 20)
                for i in range(0, len(body), step):
                    self.wfile.write(body[i:i + step])
                    self.wfile.flush()
                    time.sleep(0.05)
            else:
                self.wfile.write(body)
            if length is not None and length != len(body):
                self.close_connection = True

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = self.path.split("?")[0]
            if path == "/token" and "token-uses" in faults:
                tokens.append(0)
                return self.answer(200, b'{"access_token":"t%d"}' % (len(tokens) - 1))
            if not path.startswith("/v2/"):
                return self.answer(404)
            with lock:
                if busy[0] > 0:
                    busy[0] -= 1
                    return self.answer(429, headers=[("Retry-After", "0")])
            if "status" in faults:
                return self.answer(int(faults["status"]), b'{"errors":[{"code":"DENIED","message":"no"}]}')
            given = self.headers.get("Authorization", "")
            if "basic" in faults and given != "Basic dXNlcjpzZWNyZXQ=":
                return self.answer(401, headers=[("WWW-Authenticate", 'Basic realm="tests"')])
            if "bearer" in faults and not given.startswith("Bearer "):
                return self.answer(401, headers=[("WWW-Authenticate", 'Bearer realm="%s",service="tests"' %
                                                  faults["bearer"])])
            if "token-uses" in faults:
                number = int(given[8:]) if given.startswith("Bearer t") else -1
                if number < 0 or tokens[number] >= int(faults["token-uses"]):
                    realm = "http://127.0.0.1:%d/token" % server.server_address[1]
                    return self.answer(401, headers=[("WWW-Authenticate", 'Bearer realm="%s"' % realm)])
                tokens[number] += 1
            if path == "/v2/":
                return self.answer(200, b"{}")
            match = re.match(r"^/v2/(.+)/(manifests|blobs)/([^/]+)$", path)
            if not match or match.group(1) != repository:
                return self.answer(404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}')
            kind, what = match.group(2), match.group(3)
            if kind == "manifests":
                digest = top["digest"] if what == tag else what
                data = faults["manifest"].encode() if "manifest" in faults else blob(digest)
                if data is None:
                    return self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}')
                if "wrong-manifest" in faults:
                    data += b" "
                media = top["mediaType"]
                try:
                    media = json.loads(data).get("mediaType", media)
                except (ValueError, AttributeError):
                    pass
                return self.answer(200, data, [("Content-Type", media), (
                    "Docker-Content-Digest", digest if "wrong-manifest" in faults
                    else "sha256:" + hashlib.sha256(data).hexdigest())])
            data = blob(what)
            # The config is JSON; what is not is a layer.
            layer = data is not None and data[:1] != b"{"
            if data is None or layer and "missing-layers" in faults:
                return self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"unknown"}]}')
            if layer and "redirect" in faults:
                return self.answer(307, headers=[("Location", faults["redirect"] + path)])
            if layer and "corrupt" in faults:
                data = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
            if layer and "corrupt-header" in faults:
                data = data[:9] + bytes([data[9] ^ 1]) + data[10:]
            status, headers, start = 200, [("Content-Type", "application/octet-stream")], 0
            wanted = re.match(r"^bytes=(\d+)-$", self.headers.get("Range", ""))
            if wanted and "no-range" not in faults and int(wanted.group(1)) < len(data):
                start, status = int(wanted.group(1)), 206
                shown = start + 1 if "wrong-range" in faults else start
                headers.append(("Content-Range", "bytes %d-%d/%d" % (shown, len(data) - 1, len(data))))
            body = data[start:]
            limit = int(faults.get("cut", faults.get("cut-always", "0")))
            if layer and limit and len(body) > limit and ("cut-always" in faults or what not in cut_already):
                cut_already.add(what)
                return self.answer(status, body[:limit], headers, len(body))
            stall = int(faults.get("stall", "0"))
            if layer and stall and len(body) > stall and what not in cut_already:
                cut_already.add(what)
                self.answer(status, body[:stall], headers, len(body))
                self.rfile.read(1)  # until the other side gives up
                return None
            return self.answer(status, body, headers)

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    if "tls" in faults:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(faults["tls"], "server.crt"), os.path.join(faults["tls"], "server.key"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print("127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()


main()

#!/usr/bin/env python3
"""Push an OCI layout into a registry: push.py [--ca FILE] [--user U:P] LAYOUT URL REPOSITORY:TAG

Writes the blobs and manifests exactly as they lie in the layout, without looking at them, so that bad
images can be pushed too. Prints the digest of the tagged manifest."""

import argparse
import base64
import http.client
import json
import os
import re
import ssl
import sys
import urllib.parse
import urllib.request


class Registry:
    def __init__(self, url, ca, user):
        self.url = urllib.parse.urlsplit(url)
        self.context = ssl.create_default_context(cafile=ca) if ca else None
        self.user = user
        self.authorization = None
        self.connection = self.connect()

    def connect(self):
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(self.url.netloc, context=self.context)
        return http.client.HTTPConnection(self.url.netloc)

    def token(self, challenge, basic):
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = urllib.parse.urlencode({"service": fields.get("service", ""), "scope": fields.get("scope", "")})
        request = urllib.request.Request(fields["realm"] + "?" + query, headers={"Authorization": "Basic " + basic})
        with urllib.request.urlopen(request, context=self.context) as answer:
            body = json.load(answer)
        return body.get("token") or body["access_token"]

    def ask(self, method, path, body=None, headers=(), expect=(200, 201, 202)):
        for attempt in range(2):
            extra = dict(headers)
            if self.authorization:
                extra["Authorization"] = self.authorization
            self.connection.request(method, path, body, extra)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.status == 401 and attempt == 0:
                basic = base64.b64encode(self.user.encode()).decode()
                challenge = answer.getheader("WWW-Authenticate", "")
                if challenge.lower().startswith("bearer"):
                    self.authorization = "Bearer " + self.token(challenge, basic)
                else:
                    self.authorization = "Basic " + basic
                continue
            break
        if answer.status not in expect:
            sys.exit("push: %s %s: %d %s" % (method, path, answer.status, text[:300].decode(errors="replace")))
        return answer

    def blob(self, repository, digest, path):
        if self.ask("HEAD", "/v2/%s/blobs/%s" % (repository, digest), expect=(200, 404)).status == 200:
            return
        answer = self.ask("POST", "/v2/%s/blobs/uploads/" % repository)
        place = urllib.parse.urlsplit(answer.getheader("Location"))
        query = place.query + ("&" if place.query else "") + "digest=" + digest
        with open(path, "rb") as f:
            data = f.read()
        self.ask("PUT", place.path + "?" + query, data, {"Content-Type": "application/octet-stream"})


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--ca")
    parser.add_argument("--user", default="user:secret")
    parser.add_argument("layout")
    parser.add_argument("url")
    parser.add_argument("name")
    args = parser.parse_args()
    repository, _, tag = args.name.rpartition(":")
    registry = Registry(args.url, args.ca, args.user)

    def path_of(digest):
        return os.path.join(args.layout, "blobs", *digest.split(":"))

    with open(os.path.join(args.layout, "index.json")) as f:
        top = json.load(f)["manifests"][0]
    manifests = {}

    def walk(descriptor):
        with open(path_of(descriptor["digest"]), "rb") as f:
            data = f.read()
        value = json.loads(data)
        for child in value.get("manifests", []):
            walk(child)
        manifests[descriptor["digest"]] = (descriptor["mediaType"], data)
        for blob in ([value["config"]] if "config" in value else []) + value.get("layers", []):
            if os.path.exists(path_of(blob["digest"])):
                registry.blob(repository, blob["digest"], path_of(blob["digest"]))

    walk(top)
    for digest, (media_type, data) in manifests.items():
        name = tag if digest == top["digest"] else digest
        registry.ask("PUT", "/v2/%s/manifests/%s" % (repository, name), data, {"Content-Type": media_type})
    print(top["digest"])


if __name__ == "__main__":
    main()

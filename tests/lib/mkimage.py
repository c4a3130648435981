#!/usr/bin/env python3
"""Make a container image from nothing: mkimage.py OUT [options]

  --format oci|oci-archive|docker-archive   OUT is a directory for oci (default docker-archive)
  --name NAME[:TAG]        reference written into the archive (default localhost/busybox:latest)
  --layer LAYER            a layer, bottom first; repeatable (default: one busybox layer).
                           LAYER is "busybox", a directory, a .json file or "-" (JSON on standard input):
                           a list of entries, see below
  --compress gzip|gzip-multi|zstd|none     of the layers (default gzip; archives of docker: none)
  --schema oci|docker      media types (default oci)
  --platform OS/ARCH[/VARIANT]             (default linux/amd64); repeatable: an index
  --env K=V --label K=V --expose PORT --volume PATH     repeatable
  --cmd JSON --entrypoint JSON --user U --workdir DIR --stop-signal SIG
  --config JSON            merged over the image config, to make a bad one
  --manifest JSON          merged over the manifest

An entry of a layer is an object:
  {"path": "etc/x", "type": "file", "content": "text", "mode": "0644", "uid": 0, "gid": 0,
   "mtime": 0, "xattrs": {"user.k": "v"}, "size": N, "target": "..."}
type: file (default), dir, symlink, hardlink, char, block ("major", "minor"), fifo, sparse;
"whiteout": path and ".wh." are put together; "opaque": the directory's ".wh..wh..opq".
"size" without content: that many bytes of repeatable noise. Paths are written as given: hostile ones
("../x", "/abs", "a/../../b") reach the archive unchanged.

Also prints, one a line: "image ID", "manifest DIGEST" (for an index the first of each).
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import stat
import subprocess
import sys
import tarfile

MEDIA = {
    "oci": {
        "index": "application/vnd.oci.image.index.v1+json",
        "manifest": "application/vnd.oci.image.manifest.v1+json",
        "config": "application/vnd.oci.image.config.v1+json",
        "layer": "application/vnd.oci.image.layer.v1.tar",
        "gzip": "+gzip", "gzip-multi": "+gzip", "zstd": "+zstd", "none": "",
    },
    "docker": {
        "index": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifest": "application/vnd.docker.distribution.manifest.v2+json",
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar",
        "gzip": ".gzip", "gzip-multi": ".gzip", "zstd": ".zstd", "none": "",
    },
}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def dump(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def busybox_entries():
    binary = "/bin/busybox"
    with open(binary, "rb") as f:
        program = f.read()
    applets = subprocess.run([binary, "--list"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    entries = [{"path": p, "type": "dir"} for p in
               ("bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr", "usr/bin", "var", "var/log")]
    for entry in entries:
        if entry["path"] == "tmp":
            entry["mode"] = "1777"
        if entry["path"] == "root":
            entry["mode"] = "0700"
    entries.append({"path": "bin/busybox", "content": program, "mode": "0755"})
    entries += [{"path": "bin/" + a, "type": "symlink", "target": "busybox"} for a in applets if a != "busybox"]
    entries.append({"path": "etc/passwd", "content":
                    "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
                    "user:x:1000:1000:user:/home:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"})
    entries.append({"path": "etc/group", "content":
                    "root:x:0:\ndaemon:x:1:\nuser:x:1000:\nextra:x:2000:user\nnogroup:x:65534:\n"})
    entries.append({"path": "etc/os-release", "content": "ID=busybox\n"})
    return entries


def add_entry(tar, entry):
    kind = entry.get("type", "file")
    path = entry["path"]
    content = b""
    if kind == "whiteout":
        head, _, tail = path.rpartition("/")
        path, kind = (head + "/" if head else "") + ".wh." + tail, "file"
        entry = dict(entry, content="")
    elif kind == "opaque":
        path, kind = path.rstrip("/") + "/.wh..wh..opq", "file"
        entry = dict(entry, content="")
    info = tarfile.TarInfo(path)
    info.uid, info.gid = entry.get("uid", 0), entry.get("gid", 0)
    info.uname = info.gname = ""
    info.mtime = entry.get("mtime", 1700000000)
    default = {"dir": "0755", "symlink": "0777"}.get(kind, "0644")
    info.mode = int(entry.get("mode", default), 8)
    for key, value in entry.get("xattrs", {}).items():
        info.pax_headers["SCHILY.xattr." + key] = value
    info.pax_headers.update(entry.get("pax", {}))
    if kind == "file":
        if "content" in entry:
            content = entry["content"]
            if isinstance(content, str):
                content = content.encode()
        elif "size" in entry:
            content = random.Random(path).randbytes(entry["size"])
        info.size = len(content)
    elif kind == "sparse":
        # GNU.sparse 1.0: data only at the end of a file of "size" bytes.
        tail = b"end"
        size = entry["size"]
        block = ("1\n%d\n%d\n" % (size - len(tail), len(tail))).encode().ljust(512, b"\0")
        content = block + tail
        info.size = len(content)
        info.pax_headers.update({"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                                 "GNU.sparse.name": path, "GNU.sparse.realsize": str(size)})
        info.name = os.path.join(os.path.dirname(path), "GNUSparseFile.0", os.path.basename(path))
    elif kind == "dir":
        info.type = tarfile.DIRTYPE
    elif kind == "symlink":
        info.type, info.linkname = tarfile.SYMTYPE, entry["target"]
    elif kind == "hardlink":
        info.type, info.linkname = tarfile.LNKTYPE, entry["target"]
    elif kind == "fifo":
        info.type = tarfile.FIFOTYPE
    elif kind in ("char", "block"):
        info.type = tarfile.CHRTYPE if kind == "char" else tarfile.BLKTYPE
        info.devmajor, info.devminor = entry.get("major", 1), entry.get("minor", 3)
    else:
        raise SystemExit("mkimage: unknown type '%s'" % kind)
    tar.addfile(info, io.BytesIO(content) if content else None)


def layer_tar(spec):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        if spec == "busybox":
            entries = busybox_entries()
        elif spec == "-":
            entries = json.load(sys.stdin)
        elif os.path.isdir(spec):
            def clean(info):
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                return info
            for name in sorted(os.listdir(spec)):
                tar.add(os.path.join(spec, name), name, filter=clean)
            entries = []
        elif spec.endswith(".tar"):
            with open(spec, "rb") as f:
                return f.read()
        else:
            with open(spec) as f:
                entries = json.load(f)
        for entry in entries:
            add_entry(tar, entry)
    return out.getvalue()


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "gzip-multi":
        half = len(data) // 2
        return gzip.compress(data[:half], 6, mtime=0) + gzip.compress(data[half:], 6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def merge(base, text):
    if not text:
        return base
    for key, value in json.loads(text).items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            base[key].update(value)
        else:
            base[key] = value
    return base


def image_config(args, platform, diff_ids):
    system, architecture, *variant = platform.split("/")
    inner = {"Env": args.env or ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]}
    inner["Cmd"] = json.loads(args.cmd) if args.cmd else ["sh"]
    if args.entrypoint:
        inner["Entrypoint"] = json.loads(args.entrypoint)
    if args.user:
        inner["User"] = args.user
    if args.workdir:
        inner["WorkingDir"] = args.workdir
    if args.stop_signal:
        inner["StopSignal"] = args.stop_signal
    if args.label:
        inner["Labels"] = dict(item.split("=", 1) for item in args.label)
    if args.expose:
        inner["ExposedPorts"] = {port if "/" in port else port + "/tcp": {} for port in args.expose}
    if args.volume:
        inner["Volumes"] = {path: {} for path in args.volume}
    config = {
        "created": "2023-11-14T22:13:20Z", "architecture": architecture, "os": system, "config": inner,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": "2023-11-14T22:13:20Z", "created_by": "mkimage"} for _ in diff_ids],
    }
    if variant:
        config["variant"] = variant[0]
    return merge(config, args.config)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("--format", default="docker-archive", choices=["oci", "oci-archive", "docker-archive"])
    parser.add_argument("--name", default="localhost/busybox:latest")
    parser.add_argument("--compress", choices=["gzip", "gzip-multi", "zstd", "none"])
    parser.add_argument("--schema", default="oci", choices=["oci", "docker"])
    for name in ("--layer", "--platform", "--env", "--label", "--expose", "--volume"):
        parser.add_argument(name, action="append", default=[])
    for name in ("--cmd", "--entrypoint", "--user", "--workdir", "--stop-signal", "--config", "--manifest"):
        parser.add_argument(name)
    args = parser.parse_args()
    if ":" not in args.name.rpartition("/")[2] and "@" not in args.name:
        args.name += ":latest"
    docker = args.format == "docker-archive"
    how = args.compress or ("none" if docker else "gzip")
    media = MEDIA[args.schema]

    tars = [layer_tar(spec) for spec in (args.layer or ["busybox"])]
    diff_ids = [sha256(tar) for tar in tars]
    blobs = {}
    layers = []
    for tar in tars:
        data = compress(tar, how)
        blobs[sha256(data)] = data
        layers.append({"mediaType": media["layer"] + media[how], "digest": sha256(data), "size": len(data)})

    manifests = []
    for platform in args.platform or ["linux/amd64"]:
        config = dump(image_config(args, platform, diff_ids))
        blobs[sha256(config)] = config
        manifest = {
            "schemaVersion": 2, "mediaType": media["manifest"],
            "config": {"mediaType": media["config"], "digest": sha256(config), "size": len(config)},
            "layers": layers,
        }
        manifest = dump(merge(manifest, args.manifest))
        blobs[sha256(manifest)] = manifest
        system, architecture, *variant = platform.split("/")
        descriptor = {"mediaType": media["manifest"], "digest": sha256(manifest), "size": len(manifest),
                      "platform": {"os": system, "architecture": architecture}}
        if variant:
            descriptor["platform"]["variant"] = variant[0]
        manifests.append((sha256(config), descriptor))

    files = {}
    if docker:
        image_id = manifests[0][0].split(":")[1]
        files[image_id + ".json"] = blobs[manifests[0][0]]
        names = []
        for layer in layers:
            name = layer["digest"].split(":")[1] + ".tar"
            files[name] = blobs[layer["digest"]]
            names.append(name)
        files["manifest.json"] = dump([{"Config": image_id + ".json", "RepoTags": [args.name], "Layers": names}])
    else:
        for digest, data in blobs.items():
            files["blobs/" + digest.replace(":", "/")] = data
        files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
        tops = [dict(d) for _, d in manifests]
        if len(manifests) > 1:
            index = dump({"schemaVersion": 2, "mediaType": media["index"], "manifests": tops})
            files["blobs/" + sha256(index).replace(":", "/")] = index
            tops = [{"mediaType": media["index"], "digest": sha256(index), "size": len(index)}]
        else:
            tops[0].pop("platform")
        tag = args.name if args.format == "oci-archive" else args.name.rpartition(":")[2]
        tops[0]["annotations"] = {"org.opencontainers.image.ref.name": tag}
        files["index.json"] = dump({"schemaVersion": 2, "mediaType": media["index"], "manifests": tops})

    if args.format == "oci":
        for name, data in files.items():
            path = os.path.join(args.out, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)
    else:
        with tarfile.open(args.out + ".new", "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(data), stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
                tar.addfile(info, io.BytesIO(data))
        os.rename(args.out + ".new", args.out)
    print("image " + manifests[0][0].split(":")[1])
    print("manifest " + manifests[0][1]["digest"])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cloud of dstack machines on loopback, as honest as the first part of the path says.

cloud.py WORK KEY: WORK takes the TLS keys (ca.pem) and the log of requests (asked: a line each, with
"key" when the request bore KEY). Prints "PORT OTHER": a port whose certificate names 127.0.0.1, and
one whose certificate names another host; then serves until its standard input ends.
"""
import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading

work, key = sys.argv[1], sys.argv[2]
APP = "ab" * 20


def certificate(name, subject):
    made = os.path.join(work, name)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", f"subjectAltName={subject}", "-keyout", made + ".key", "-out", made + ".pem"],
        check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made + ".pem", made + ".key")
    return context


def built(mode, asked):
    """What a provision request is answered: the app-compose as sealwright would have it, or another."""
    part = asked["compose_file"]
    compose = {name: part[name] for name in part if name not in ("name", "pre_launch_script")}
    compose |= {"gateway_enabled": False, "kms_enabled": True, "local_key_provider_enabled": False, "manifest_version": 2,
                "name": asked["name"], "no_instance_id": False, "runner": "docker-compose"}
    if mode == "public":
        compose["public_logs"] = True
    if mode == "ext4":
        compose["storage_fs"] = "ext4"
    if mode == "script":
        compose["pre_launch_script"] = "id"
    text = json.dumps(compose, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    answer = {"app_id": APP, "compose_hash": hashlib.sha256(text.encode()).hexdigest(), "device_id": "00", "kms_info": None}
    if mode in ("wrong-hash", "other-hash"):
        answer["compose_hash"] = "00" * 32
    if mode not in ("hash-alone", "other-hash"):
        answer["app_compose"] = text
    if mode == "nameless":
        del answer["app_id"]
    return answer


def started(mode, asked):
    answer = {"app_id": asked["app_id"], "name": "my-app", "status": "starting", "vm_uuid": "3f-9", "id": 7, "vcpu": 24}
    if mode == "phrase":
        answer["status"] = "in progress"
    if mode == "start-other":
        answer["app_id"] = "cd" * 20
    return answer


STATUS = {"denied": (401, {"detail": "this key is not known"}), "reflected": (400, {"detail": "no key " + key}),
          "painted": (400, {"message": "\x1b[2Jgone"}), "broken": (500, {"detail": "oops"}), "empty": (403, None)}


def respond(mode, path, body):
    head, status, answer = "", 200, None
    starting = path == "/cvms"
    if not starting and path != "/cvms/provision":
        status = 404
    elif mode in STATUS:
        status, answer = STATUS[mode]
    elif mode == "start-denied" and starting:
        status, answer = 409, {"detail": "CVM name \"my-app\" is taken"}
    elif mode == "redirect" or mode == "start-redirect" and starting:
        status, head = 307, f"Location: https://127.0.0.1:{ports[1]}/good{path}\r\n"
    elif mode == "start-later" and starting:
        status = 202
    else:
        if mode == "long-header":
            head = "X-Long: " + "x" * 200000 + "\r\n"
        answer = (started if starting else built)(mode, json.loads(body))
    sent = b"" if answer is None else json.dumps(answer).encode()
    sent = {"half": sent[:-1], "list": b"[" + sent + b"]", "huge": sent[:-1] + b',"x":"' + b"x" * (2 << 20) + b'"}',
            "twice": sent[:-1] + b',"compose_hash":"' + b"0" * 64 + b'"}'}.get(mode, sent)
    size = len(sent) + (mode == "cut")
    return f"HTTP/1.1 {status} x\r\n{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode() + sent


def request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode().split("\r\n")
    fields = [tuple(line.split(": ", 1)) for line in lines[1:] if ": " in line]
    size = sum(int(value) for name, value in fields if name.lower() == "content-length")
    while len(body) < size:
        body += connection.recv(65536)
    return lines[0], fields, body


def one(connection, context):
    try:
        tls = context.wrap_socket(connection, server_side=True)
        line, fields, body = request(tls)
        if not line:
            return
        borne = [value for name, value in fields if name.lower() == "x-api-key"]
        with open(os.path.join(work, "asked"), "a") as log:
            log.write(f"{line} {'key' if borne == [key] else borne}\n")
        _, mode, path = line.split(" ")[1].split("/", 2)
        tls.sendall(respond(mode, "/" + path, body))
        tls.unwrap()
    except (OSError, ValueError):
        pass
    finally:
        connection.close()


def listen(context):
    listener = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            threading.Thread(target=one, args=(listener.accept()[0], context), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


ports = [listen(certificate("ca", "IP:127.0.0.1")), listen(certificate("other", "DNS:elsewhere.invalid"))]
print(*ports, flush=True)
sys.stdin.read()

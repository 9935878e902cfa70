#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A provisioning service on loopback, as honest as the first part of the path says: MODE, or
MODE+NAME for the collateral in the subfolder NAME.

pcs.py FOLDER WORK: FOLDER holds tcb_info.json, qe_identity.json, pck_crl.der, root_ca_crl.der and
tcb_signing_chain.pem; for GPUs NVIDIA's answers: rim-NAME.json, and ocsp-HASH by the SHA-256 of the
request. WORK takes the TLS keys (ca.pem) and the log of requests (asked). Prints
"PORT OTHER PROXY": a port whose certificate names 127.0.0.1, one whose certificate names another
host, and a CONNECT proxy; then serves until its standard input ends.
"""
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

folder, work = sys.argv[1], sys.argv[2]
lock = threading.Lock()
here = threading.local()


def read(name):
    with open(os.path.join(folder, getattr(here, "subfolder", ""), name), "rb") as f:
        return f.read()


def log(line):
    with lock, open(os.path.join(work, "asked"), "a") as f:
        f.write(line + "\n")


def certificate(name, subject):
    made = os.path.join(work, name)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName={subject}",
         "-keyout", made + ".key", "-out", made + ".pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made + ".pem", made + ".key")
    return context


def pem(der, label):
    import base64
    text = base64.b64encode(der).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


CHAINS = {"/tdx/certification/v4/tcb": ("tcb_info.json", "TCB-Info-Issuer-Chain"),
          "/tdx/certification/v4/qe/identity": ("qe_identity.json", "SGX-Enclave-Identity-Issuer-Chain")}


def signed(mode, path):
    name, field = CHAINS[path]
    body = read(name)
    chain = read("tcb_signing_chain.pem").decode()
    if mode == "wrong-chain" and path.endswith("tcb"):
        first, second = chain.split("-----END CERTIFICATE-----\n")[:2]
        chain = second + "-----END CERTIFICATE-----\n" + first + "-----END CERTIFICATE-----\n"
    if mode == "one-certificate":
        chain = chain[:chain.index("-----END CERTIFICATE-----") + 26]
    if mode == "swapped":
        body = read("qe_identity.json" if name == "tcb_info.json" else "tcb_info.json")
    if mode == "bent":
        body = body.replace(b"UpToDate", b"UpToDatf", 1)
    value = urllib.parse.quote(chain, safe="")
    if mode == "bad-percent":
        value = value[:-1] + "%G1"
    if mode == "plain-chain":
        value = chain.replace("\n", " ")
    fields = [] if mode == "no-chain" else [(field, value)]
    if mode == "twice":
        fields *= 2
    return body, fields


def revocation(mode, name):
    der = read(name)
    if mode in ("hex", "pccs"):
        return der.hex().encode()
    if mode == "pem":
        return pem(der, "X509 CRL")
    if mode == "cut-list":
        return der[:-1]
    if mode == "no-list":
        return b"<html>not found</html>"
    return der


def gpu(mode, path, body):
    if path == "/":
        name = "ocsp-" + hashlib.sha256(body).hexdigest()
        if mode == "other-answer":
            name = sorted(n for n in os.listdir(os.path.join(folder, here.subfolder)) if n.startswith("ocsp-") and n != name)[0]
    else:
        name = "rim-" + path.removeprefix("/v1/rim/") + ".json"
        if mode == "other-manifest":
            name = [n for n in sorted(os.listdir(os.path.join(folder, here.subfolder))) if n.startswith("rim-") and n != name][0]
    try:
        return read(name), []
    except OSError:
        return None, []


def answer(mode, path, query, body):
    if path == "/" or path.startswith("/v1/rim/"):
        return gpu(mode, path, body)
    if path in CHAINS:
        return signed(mode, path)
    if path == "/sgx/certification/v4/pckcrl" and query == "ca=platform&encoding=der":
        return revocation(mode, "pck_crl.der"), []
    if path == "/sgx/certification/v4/rootcacrl":
        return revocation(mode, "root_ca_crl.der"), []
    return None, []


def respond(mode, path, query, asked):
    body, fields = answer(mode, path, query, asked)
    if body is None or (mode == "missing" and path.endswith("tcb")):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    if mode == "redirect":
        return (f"HTTP/1.1 302 Found\r\nLocation: /good{path}?{query}\r\nContent-Length: 0\r\n\r\n").encode()
    if mode == "broken":
        return b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    if mode == "oversized":
        body += b" " * (4 << 20)
    head = "".join(f"{k}: {v}\r\n" for k, v in fields)
    size = len(body)
    if mode == "cut":
        body = body[:-10]
    return f"HTTP/1.1 200 OK\r\n{head}Content-Length: {size}\r\nConnection: close\r\n\r\n".encode() + body


def request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None, b""
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    size = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while size and len(body) < size[0]:
        body += connection.recv(65536)
    return head.split(b"\r\n")[0].decode(), body


def one(connection, context):
    try:
        tls = context.wrap_socket(connection, server_side=True)
        line, body = request(tls)
        if line is None:
            return
        log(line)
        target = urllib.parse.urlsplit(line.split(" ")[1])
        mode, path = target.path[1:].split("/", 1)
        mode, _, here.subfolder = mode.partition("+")
        if mode == "slow":
            time.sleep(3)
        tls.sendall(respond(mode, "/" + path, target.query, body))
        tls.unwrap()
    except (OSError, ValueError):
        pass
    finally:
        connection.close()


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def proxied(connection, _):
    line, _ = request(connection)
    if line is None or not line.startswith("CONNECT "):
        connection.close()
        return
    log(line)
    host, port = line.split(" ")[1].split(":")
    there = socket.create_connection((host, int(port)))
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(there, connection), daemon=True).start()
    pump(connection, there)


def listen(handler, context):
    listener = socket.create_server(("127.0.0.1", 0))

    def loop():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=handler, args=(connection, context), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()
    return listener.getsockname()[1]


right, wrong = certificate("ca", "IP:127.0.0.1"), certificate("other", "DNS:elsewhere.invalid")
print(listen(one, right), listen(one, wrong), listen(proxied, None), flush=True)
sys.stdin.read()

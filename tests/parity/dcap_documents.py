# SPDX-License-Identifier: Apache-2.0
"""TDX quotes and all that Intel publishes for them, made under a root of our own with PyPI's cryptography: every key is at hand, so a
document can be bent in one place and be signed as it should be everywhere else. `plan` is a good machine; `make` writes what a plan says.
"""
import copy
import datetime
import hashlib
import json
import struct
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID, ObjectIdentifier

NOW = 1790000000  # 2026-09-21T14:13:20Z
DAY = 86400
VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
SGX = "1.2.840.113741.1.13.1"
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "ca", "pck", "tcb", "attestation", "other")}
UP, OLD = "UpToDate", "OutOfDate"


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


# ---- a good machine ----

def level(sgx=3, pcesvn=11, tdx=(0, 0, 3), status=UP, **more):
    components = [{"svn": sgx}] * 8 + [{"svn": 0}] * 8
    tdx_components = [{"svn": s} for s in tdx] + [{"svn": 0}] * (16 - len(tdx))
    tcb = {"sgxtcbcomponents": components, "pcesvn": pcesvn, "tdxtcbcomponents": tdx_components}
    return {"tcb": tcb, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status, **more}


def isv_level(svn, status=UP, **more):
    return {"tcb": {"isvsvn": svn}, "tcbDate": "2025-01-01T00:00:00Z", "tcbStatus": status, **more}


def module(line, *levels):
    return {"id": f"TDX_{line:02X}", "mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8, "tcbLevels": list(levels)}


def certificate(name, issuer, start=-30 * DAY, end=300 * DAY, ca=True, **more):
    return {"name": name, "issuer": issuer, "key": None, "signer": None, "start": NOW + start, "end": NOW + end, "ca": ca, "serial": None, **more}


def crl(issuer, start=-DAY, end=29 * DAY):
    return {"issuer": issuer, "signer": None, "start": NOW + start, "end": NOW + end, "revoked": [], "number": 1, "key_id": True, "delta": False}


def plan():
    dates = {"issueDate": iso(NOW - DAY), "nextUpdate": iso(NOW + 29 * DAY), "tcbEvaluationDataNumber": 17}
    return SimpleNamespace(
        at=NOW, version=4, key_type=2, tee=0x81, reserved=0, vendor=VENDOR, body_type=3, body_size=None,
        td={"tee_tcb_svn": bytes([5, 1, 3]) + bytes(13), "mr_seam": b"\x5b" * 48, "mr_signer_seam": bytes(48), "seam_attributes": bytes(8),
            "td_attributes": 1 << 28, "xfam": 0x602E7, "mrtd": b"\x91" * 48, "mr_config_id": bytes(48), "owner": bytes(96),
            "rtmrs": b"\x44" * 192, "report_data": b"\x9a" * 64},
        td15={"tee_tcb_svn2": bytes([5, 1, 3]) + bytes(13), "mr_service_td": bytes(48)},
        qe={"misc_select": 0, "attributes": bytes([0x15, 0, 0, 0, 0, 0, 0, 0, 0xE7]) + bytes(7), "mr_signer": b"\xdc" * 32, "product": 2, "svn": 6,
            "behind": bytes(32), "cover": None},
        auth=bytes(range(32)), outer_type=6, inner_type=5, inner=None, tail=b"", slack=b"", size_more=0,
        chain=["pck", "ca", "root"], pem=lambda text: text + "\0", signers=["tcb", "root"], qe_signers=None, signers_pem=lambda text: text,
        components=[3] * 8 + [0] * 8, cpusvn=None, pce_svn=11, pce_id=bytes(2), fmspc=bytes.fromhex("b0c06f000000"), platform=True,
        sgx_more=b"", signs={"quote": "attestation", "qe": "pck", "tcb": "tcb", "identity": "tcb"},
        certs={"root": certificate("Intel SGX Root CA", "root"), "ca": certificate("Intel SGX PCK Platform CA", "root"),
               "pck": certificate("Intel SGX PCK Certificate", "ca", ca=False), "tcb": certificate("Intel SGX TCB Signing", "root", ca=False)},
        crls={"root": crl("root"), "pck": crl("ca")},
        tcb={"id": "TDX", "version": 3, **dates, "fmspc": "B0C06F000000", "pceId": "0000", "tcbType": 0,
             "tdxModule": {"mrsigner": "00" * 48, "attributes": "00" * 8, "attributesMask": "FF" * 8},
             "tdxModuleIdentities": [module(1, isv_level(4), isv_level(2, OLD)), module(3, isv_level(1))],
             "tcbLevels": [level(), level(2, 5, (0, 0, 2), OLD, advisoryIDs=["INTEL-SA-00001"])]},
        identity={"id": "TD_QE", "version": 2, **dates, "miscselect": "00000000", "miscselectMask": "FFFFFFFF",
                  "attributes": "11000000000000000000000000000000", "attributesMask": "FBFFFFFFFFFFFFFF0000000000000000",
                  "mrsigner": "DC" * 32, "isvprodid": 2, "tcbLevels": [isv_level(4), isv_level(3, OLD)]},
        tcb_text=lambda text: text, identity_text=lambda text: text, flip=lambda quote: quote, shared={})


# ---- certificates and lists ----

def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Intel Corporation")])


def der(tag, *content):
    body = b"".join(content)
    head = bytes([len(body)]) if len(body) < 128 else bytes([0x82]) + struct.pack(">H", len(body))
    return bytes([tag]) + head + body


def member(arcs, value):
    return der(0x30, der(6, bytes.fromhex("2a864886f84d010d01") + bytes(arcs)), value)


def integer(value):
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def sgx_extension(p):
    cpusvn = bytes(p.components) if p.cpusvn is None else p.cpusvn
    parts = [member([2, i + 1], integer(svn)) for i, svn in enumerate(p.components)]
    parts += [member([2, 17], integer(p.pce_svn)), member([2, 18], der(4, cpusvn))]
    members = [member([1], der(4, b"\x81" * 16)), member([2], der(0x30, *parts)), member([3], der(4, p.pce_id)), member([4], der(4, p.fmspc)),
               member([5], der(10, b"\1"))]
    if p.platform:
        flags = der(0x30, *[member([7, i], der(1, b"\xff")) for i in (1, 2, 3)])
        members += [member([6], der(4, b"\x51" * 16)), member([7], flags)]
    return der(0x30, *members, p.sgx_more)


def key_of(p, name):
    return KEYS[p.certs[name]["key"] or name]


def certificate_make(p, name):
    c = p.certs[name]
    key, signer = key_of(p, name), KEYS[c["signer"] or c["issuer"]]
    issuer_key = key_of(p, c["issuer"]).public_key()
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False)
    made = (x509.CertificateBuilder().subject_name(name_of(c["name"])).issuer_name(name_of(c.get("issuer_name") or p.certs[c["issuer"]]["name"]))
            .public_key(key.public_key()).serial_number(c["serial"] or 1000 + sorted(p.certs).index(name))
            .not_valid_before(moment(c["start"])).not_valid_after(moment(c["end"]))
            .add_extension(x509.BasicConstraints(c["ca"], None), True)
            .add_extension(x509.KeyUsage(digital_signature=not c["ca"], key_cert_sign=c["ca"], crl_sign=c["ca"], **usage), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False))
    if name == "pck":
        made = made.add_extension(x509.UnrecognizedExtension(ObjectIdentifier(SGX), sgx_extension(p)), False)
    return made.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def crl_make(p, plan_of):
    issuer, c = plan_of["issuer"], plan_of
    made = (x509.CertificateRevocationListBuilder().issuer_name(name_of(p.certs[issuer]["name"]))
            .last_update(moment(c["start"])).next_update(moment(c["end"])))
    if c["number"] is not None:
        made = made.add_extension(x509.CRLNumber(c["number"]), False)
    if c["key_id"]:
        made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key_of(p, issuer).public_key()), False)
    if c["delta"]:
        made = made.add_extension(x509.DeltaCRLIndicator(1), True)
    for serial, reason in c["revoked"]:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment(c["start"]))
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), False)
        made = made.add_revoked_certificate(entry.build())
    return made.sign(KEYS[c["signer"] or p.certs[issuer]["key"] or issuer], hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pem(p, made, names):
    out = ""
    for name in names:
        out += x509.load_der_x509_certificate(made[name]).public_bytes(serialization.Encoding.PEM).decode()
    return out


# ---- the quote ----

def sign(key, message):
    r, s = utils.decode_dss_signature(KEYS[key].sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key):
    return KEYS[key].public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]


def front(p):
    t = p.td
    body = t["tee_tcb_svn"] + t["mr_seam"] + t["mr_signer_seam"] + t["seam_attributes"] + struct.pack("<QQ", t["td_attributes"], t["xfam"])
    body += t["mrtd"] + t["mr_config_id"] + t["owner"] + t["rtmrs"] + t["report_data"]
    head = struct.pack("<HHII16s20s", p.version, p.key_type, p.tee, p.reserved, p.vendor, bytes(20))
    if p.version == 5:
        if p.body_type == 3:
            body += p.td15["tee_tcb_svn2"] + p.td15["mr_service_td"]
        head += struct.pack("<HI", p.body_type, p.body_size or len(body))
    return head + body


def qe_report(p):
    q = p.qe
    bound = hashlib.sha256((point("attestation") if q["cover"] is None else q["cover"]) + p.auth).digest() + q["behind"]
    return (bytes(16) + struct.pack("<I", q["misc_select"]) + bytes(28) + q["attributes"] + b"\xee" * 32 + bytes(32) + q["mr_signer"] + bytes(96)
            + struct.pack("<HH", q["product"], q["svn"]) + bytes(60) + bound)


def quote_make(p, chain):
    signed, report = front(p), qe_report(p)
    inner = chain if p.inner is None else p.inner
    certification = report + sign(p.signs["qe"], report) + struct.pack("<H", len(p.auth)) + p.auth
    certification += struct.pack("<HI", p.inner_type, len(inner)) + inner + p.slack
    data = sign(p.signs["quote"], signed) + point("attestation") + struct.pack("<HI", p.outer_type, len(certification)) + certification
    return p.flip(signed + struct.pack("<I", len(data) + p.size_more) + data + p.tail)


def make(p):
    """quote, collateral as dcap-qvl keeps it, the root's DER"""
    made = {name: certificate_make(p, name) for name in p.certs}
    tcb = p.tcb_text(json.dumps(p.tcb, separators=(",", ":")))
    identity = p.identity_text(json.dumps(p.identity, separators=(",", ":")))
    signers = p.signers_pem(pem(p, made, p.signers))
    collateral = {
        "pck_crl_issuer_chain": pem(p, made, ["ca", "root"]), "root_ca_crl": crl_make(p, p.crls["root"]), "pck_crl": crl_make(p, p.crls["pck"]),
        "tcb_info_issuer_chain": signers, "tcb_info": tcb, "tcb_info_signature": sign(p.signs["tcb"], tcb.encode()),
        "qe_identity_issuer_chain": signers if p.qe_signers is None else pem(p, made, p.qe_signers), "qe_identity": identity,
        "qe_identity_signature": sign(p.signs["identity"], identity.encode())}
    return quote_make(p, p.pem(pem(p, made, p.chain)).encode()), collateral, made["root"]


def policy(p, root):
    """The machine policy that names this root and this image, as JSON."""
    image = {"mrtd": p.td["mrtd"].hex(), "name": "forged", **{f"rtmr{i}": p.td["rtmrs"][48 * i:48 * i + 48].hex() for i in range(3)}}
    return json.dumps({"anchors": [hashlib.sha256(root).hexdigest()], "devices": "any", "gpu": "none", "images": [image],
                       "minimum_tcb": {"evaluation_data_number": 1, "status": UP}, "platform": "sim"})


def bent(change):
    """A plan with one thing changed."""
    p = copy.deepcopy(plan())
    change(p)
    return p

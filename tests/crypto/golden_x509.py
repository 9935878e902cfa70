#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints golden_x509.h: certificates and lists made by PyPI's `cryptography`, most of them wrong in one way that our own maker cannot write.
#   pip install cryptography==50.0.2 && python3 tests/crypto/golden_x509.py > tests/crypto/golden_x509.h
import datetime
import hashlib

import cryptography
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

UTC = datetime.timezone.utc
FROM, UNTIL = datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2046, 1, 1, tzinfo=UTC)
LIST_FROM, LIST_UNTIL = datetime.datetime(2026, 5, 1, tzinfo=UTC), datetime.datetime(2026, 6, 30, tzinfo=UTC)


def key(label, curve=ec.SECP256R1()):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(label.encode()).digest()[:20], "big"), curve)


ROOT, MID, LEAF, SUB = (key(k) for k in ("root", "mid", "leaf", "sub"))
names = {k: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, v)]) for k, v in
         {"root": "Foreign Root", "mid": "Foreign CA", "leaf": "Foreign Leaf", "sub": "Foreign Sub CA", "mid case": "FOREIGN ca"}.items()}
names["mid spaces"] = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Foreign  CA")])
names["empty"] = x509.Name([])
names["two"] = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "One"), x509.NameAttribute(NameOID.COMMON_NAME, "Two")])
blobs = {}


def usage(sign_certs=False, sign_crl=False, digital=False):
    return x509.KeyUsage(digital, False, False, False, False, sign_certs, sign_crl, False, False)


def cert(label, subject, issuer, public, signer, ca=False, drop=(), change=None, extra=(), alg=None, ca_critical=True, path=None):
    b = x509.CertificateBuilder().subject_name(names[subject]).issuer_name(names[issuer]).public_key(public)
    b = b.serial_number(int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") | 1).not_valid_before(FROM).not_valid_after(UNTIL)
    exts = {
        "basic": (x509.BasicConstraints(ca, path if ca else None), ca_critical),
        "usage": (usage(ca, ca, not ca), True),
        "ski": (x509.SubjectKeyIdentifier.from_public_key(public), False),
        "aki": (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False),
    }
    exts.update(change or {})
    for name, (value, critical) in exts.items():
        if name not in drop:
            b = b.add_extension(value, critical)
    for value, critical in extra:
        b = b.add_extension(value, critical)
    made = b.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else alg or hashes.SHA256())
    blobs[label] = made.public_bytes(serialization.Encoding.DER)
    return label


def crl(label, issuer, signer, drop=(), extra=(), revoked=(), alg=None):
    b = x509.CertificateRevocationListBuilder().issuer_name(names[issuer]).last_update(LIST_FROM).next_update(LIST_UNTIL)
    if "number" not in drop:
        b = b.add_extension(x509.CRLNumber(1), False)
    if "aki" not in drop:
        b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    for value, critical in extra:
        b = b.add_extension(value, critical)
    for serial, entry_extra in revoked:
        r = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(LIST_FROM)
        for value, critical in entry_extra:
            r = r.add_extension(value, critical)
        b = b.add_revoked_certificate(r.build())
    blobs[label] = b.sign(signer, alg or hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return label


def serial_of(label):
    return x509.load_der_x509_certificate(blobs[label]).serial_number


pub = lambda k: k.public_key()
unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.9"), b"\5\0")
root = cert("root", "root", "root", pub(ROOT), ROOT, ca=True)
mid = cert("mid", "mid", "root", pub(MID), ROOT, ca=True)
leaf = cert("leaf", "leaf", "mid", pub(LEAF), MID)
root_crl, mid_crl = crl("root crl", "root", ROOT), crl("mid crl", "mid", MID)
cases = []  # name, chain, lists, part of the refusal or None


def case(name, message, chain=None, lists=None):
    cases.append((name, chain or [leaf, mid, root], lists or [root_crl, mid_crl], message))


def with_mid(name, message, **kw):
    case(name, message, [leaf, cert("mid: " + name, kw.pop("subject", "mid"), "root", pub(MID), kw.pop("signer", ROOT), ca=kw.pop("ca", True), **kw), root])


def with_leaf(name, message, **kw):
    case(name, message, [cert("leaf: " + name, kw.pop("subject", "leaf"), kw.pop("issuer", "mid"), kw.pop("public", pub(LEAF)), MID, **kw), mid, root])


def with_list(name, message, **kw):
    case(name, message, None, [root_crl, crl("crl: " + name, kw.pop("issuer", "mid"), kw.pop("signer", MID), **kw)])


case("straight", None)
with_leaf("unknown extension", None, extra=[(unknown, False)])
with_leaf("no subject key identifier", None, drop=["ski"])
with_leaf("SHA-384", None, alg=hashes.SHA384())
with_leaf("P-384 key", None, public=pub(key("p384", ec.SECP384R1())))
with_leaf("two common names", None, subject="two")
with_mid("path length 0", None, path=0)
with_list("others revoked, with reason", None, revoked=[(99, [(x509.CRLReason(x509.ReasonFlags.key_compromise), False)])])
with_list("SHA-512", None, alg=hashes.SHA512())

with_leaf("critical unknown extension", "unhandled critical extension", extra=[(unknown, True)])
with_leaf("no authority key identifier", "Missing Authority Key Identifier", drop=["aki"])
with_leaf("authority key of another", "", change={"aki": (x509.AuthorityKeyIdentifier.from_issuer_public_key(pub(LEAF)), False)})
with_leaf("issuer in capitals", "names another issuer", issuer="mid case")
with_leaf("issuer with spaces", "names another issuer", issuer="mid spaces")
with_leaf("P-224 key", "key too weak", public=pub(key("p224", ec.SECP224R1())))
with_leaf("key usage empty", "", change={"usage": (usage(True), True)})
with_mid("critical unknown extension", "unhandled critical extension", extra=[(unknown, True)])
with_mid("no key usage", "CA cert does not include key usage", drop=["usage"])
with_mid("key usage without certificates", "", change={"usage": (usage(False, True), True)})
with_mid("key usage without lists", "key usage does not include CRL signing", change={"usage": (usage(True, False), True)})
with_mid("no basic constraints", "invalid CA certificate", drop=["basic"])
with_mid("basic constraints not critical", "Basic Constraints of CA cert not marked critical", ca_critical=False)
with_mid("not a CA", "invalid CA certificate", ca=False, change={"usage": (usage(True, True), True)})
with_mid("no subject key identifier", "Missing Subject Key Identifier", drop=["ski"])
with_mid("no authority key identifier", "Missing Authority Key Identifier", drop=["aki"])
with_mid("signed by another", "", signer=SUB)
with_mid("name constraints", "permitted subtree violation",
         extra=[(x509.NameConstraints([x509.DirectoryName(names["root"])], None), True)])

mid0 = cert("mid path 0", "mid", "root", pub(MID), ROOT, ca=True, path=0)
sub = cert("sub", "sub", "mid", pub(SUB), MID, ca=True)
under = cert("under sub", "leaf", "sub", pub(LEAF), SUB)
sub_crl = crl("sub crl", "sub", SUB)
case("four certificates", None, [under, sub, mid, root], [root_crl, mid_crl, sub_crl])
case("path length exceeded", "path length constraint exceeded", [under, sub, mid0, root], [root_crl, mid_crl, sub_crl])

with_list("leaf revoked", "certificate revoked", revoked=[(serial_of(leaf), [])])
with_list("leaf revoked, with reason", "certificate revoked", revoked=[(serial_of(leaf), [(x509.CRLReason(x509.ReasonFlags.key_compromise), False)])])
with_list("leaf on hold", "certificate revoked", revoked=[(serial_of(leaf), [(x509.CRLReason(x509.ReasonFlags.certificate_hold), False)])])
with_list("leaf removed", "is listed in revocation list 1", revoked=[(serial_of(leaf), [(x509.CRLReason(x509.ReasonFlags.remove_from_crl), False)])])
with_list("no number", "lacks its number", drop=["number"])
with_list("no authority key identifier", "lacks its number", drop=["aki"])
with_list("unknown critical extension", "unhandled critical", extra=[(unknown, True)])
with_list("unknown critical entry extension", "unhandled critical", revoked=[(99, [(unknown, True)])])
with_list("delta", "is a delta", extra=[(x509.DeltaCRLIndicator(1), True)])
with_list("only user certificates of others", "",
          extra=[(x509.IssuingDistributionPoint(None, None, False, True, None, False, False), True)])
with_list("indirect", "", extra=[(x509.IssuingDistributionPoint(None, None, False, False, None, True, False), True)])
with_list("some reasons only", "",
          extra=[(x509.IssuingDistributionPoint(None, None, False, False, frozenset([x509.ReasonFlags.key_compromise]), False, False), True)])
with_list("signed by the leaf", "", signer=LEAF)
with_list("signed by the root", "", signer=ROOT)
with_list("issuer in capitals", "no revocation list", issuer="mid case")
case("lists swapped names", "", None, [crl("root crl by mid", "root", MID), crl("mid crl by root", "mid", ROOT)])


def text(b):
    h = b.hex()
    return "\n".join(f'     "{h[i:i + 120]}"' for i in range(0, len(h), 120))


def numbers(labels):
    return "{" + ", ".join(str(order.index(n)) for n in labels) + "}"


order = list(blobs)
print(f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/crypto/golden_x509.py with cryptography {cryptography.__version__}. Do not edit.
 */
#ifndef SW_TESTS_GOLDEN_X509_H
#define SW_TESTS_GOLDEN_X509_H

typedef struct golden_chain {{
    const char *name;
    size_t count, chain[8]; /* indices into golden_blobs, leaf first */
    size_t crl_count, crls[8];
    const char *message; /* part of the refusal; NULL: verifies */
}} golden_chain;

/* clang-format off */
static const char *const golden_blobs[] = {{""")
for label, der in blobs.items():
    print(f"    /* {label} */\n{text(der)},")
print("};\nstatic const golden_chain golden_chains[] = {")
for name, chain, lists, message in cases:
    m = "NULL" if message is None else f'"{message}"'
    print(f'    {{"{name}", {len(chain)}, {numbers(chain)}, {len(lists)}, {numbers(lists)}, {m}}},')
print("};\n/* clang-format on */\n\n#endif")

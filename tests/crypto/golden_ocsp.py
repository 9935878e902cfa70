#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Prints golden_ocsp.h: OCSP answers made by PyPI's `cryptography`, some by signers that our own maker of certificates cannot write.
#   pip install cryptography==50.0.2 && python3 tests/crypto/golden_ocsp.py > tests/crypto/golden_ocsp.h
import datetime
import hashlib

import cryptography
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UTC = datetime.timezone.utc
NOW = datetime.datetime.fromtimestamp(1790000000, UTC)
DAY = datetime.timedelta(days=1)
OCSP_SIGNING, ANY = ExtendedKeyUsageOID.OCSP_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
DER = serialization.Encoding.DER


def key(label, curve):
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(label.encode()).digest()[:20], "big"), curve)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(signature, ca):
    return x509.KeyUsage(signature, False, False, False, not signature and not ca, ca, ca, False, False)


class House:
    """An authority on one curve, below a root that nobody is given, and a certificate of its."""

    def __init__(self, curve, digest):
        self.curve, self.digest, self.serial = curve, digest, 1000
        self.key, self.leaf_key = key("issuer" + curve.name, curve), key("leaf" + curve.name, curve)
        self.cert = self.certify("Foreign CA", "Foreign Root", self.key.public_key(), key("root" + curve.name, curve), ca=True)
        self.leaf = self.certify("Foreign Leaf", "Foreign CA", self.leaf_key.public_key(), self.key)

    def certify(self, subject, issuer, public, signer, ca=False, purposes=(), nocheck=False, signature=True, drop=(), critical=False):
        self.serial += 1
        b = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(public).serial_number(self.serial)
        b = b.not_valid_before(NOW - 100 * DAY).not_valid_after(NOW + 100 * DAY)
        b = b.add_extension(x509.BasicConstraints(ca, None), True).add_extension(usage(signature and not ca, ca), True)
        b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        if "aki" not in drop:
            b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
        if purposes:
            b = b.add_extension(x509.ExtendedKeyUsage(purposes), critical)
        if nocheck:
            b = b.add_extension(x509.OCSPNoCheck(), False)
        return b.sign(signer, self.digest)

    def delegate(self, label="delegate", **options):
        """A key and a certificate for it, for OCSP signing unless told otherwise."""
        secret = options.pop("secret", None) or key(label + self.curve.name, self.curve)
        return secret, self.certify("Responder", "Foreign CA", secret.public_key(), self.key, **{"purposes": [OCSP_SIGNING], **options})

    def answer(self, id_hash, signer=None, by_key=False, reason=None, revoked=False, embed=None, digest=None, nonce=False):
        secret, cert = signer or (self.key, self.cert)
        state = ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD
        b = ocsp.OCSPResponseBuilder().add_response(self.leaf, self.cert, id_hash, state, NOW - DAY, NOW + DAY, NOW - 30 * DAY if revoked else None, reason)
        b = b.responder_id(ocsp.OCSPResponderEncoding.HASH if by_key else ocsp.OCSPResponderEncoding.NAME, cert)
        certs = embed if embed is not None else [cert] if signer else []
        if certs:
            b = b.certificates(certs)
        if nonce:
            b = b.add_extension(x509.OCSPNonce(b"sixteen bytes..."), False)
        return b.sign(secret, digest or self.digest).public_bytes(DER)


houses = [House(ec.SECP256R1(), hashes.SHA256()), House(ec.SECP384R1(), hashes.SHA384())]
hold, compromise = x509.ReasonFlags.certificate_hold, x509.ReasonFlags.key_compromise
cases = []  # name, house, answer, revoked, reason, part of the refusal or None
for i, h in enumerate(houses):
    def case(title, message, revoked=False, number=-1, **kw):
        cases.append((title, i, h.answer(kw.pop("id_hash", hashes.SHA1()), revoked=revoked, **kw), revoked, number, message))

    case("by the issuer", None)
    case("by the issuer's key, SHA-384 id, nonce", None, id_hash=hashes.SHA384(), by_key=True, nonce=True)
    case("revoked for no reason", None, True, -1, id_hash=hashes.SHA256())
    case("on hold", None, True, 6, reason=hold)
    case("by a delegate", None, signer=h.delegate())
    case("by a delegate that needs no check", None, True, 1, reason=compromise, signer=h.delegate(nocheck=True), by_key=True)
    case("by a delegate whose purpose is critical", None, signer=h.delegate(critical=True))
    case("by a delegate, beside the issuer", None, signer=(d := h.delegate()), embed=[h.cert, d[1]])
    case("any purpose is not this one", "not certified for OCSP signing", signer=h.delegate(purposes=[ANY]))
    case("no purpose", "not certified for OCSP signing", signer=h.delegate(purposes=[]))
    case("not for signatures", "not certified for signatures", signer=h.delegate(signature=False))
    case("a delegate that is an authority", "certified as an authority", signer=h.delegate(ca=True))
    case("a delegate without its issuer's key identifier", "not certified by the issuer", signer=h.delegate(drop=["aki"]))
    case("a delegate's certificate twice", "more certificates", signer=(d := h.delegate()), embed=[d[1], d[1]])
    case("SHA-512", "not signed by ECDSA with", digest=hashes.SHA512())
    case("an RSA delegate", "not signed by ECDSA with", signer=h.delegate(secret=rsa.generate_private_key(65537, 3072)), digest=hashes.SHA256())


def text(der, indent="     "):
    digits = der.hex()
    return "\n".join(f'{indent}"{digits[at:at + 112]}"' for at in range(0, len(digits), 112))


print(f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/crypto/golden_ocsp.py with cryptography {cryptography.__version__}. Do not edit.
 */
#ifndef SW_TESTS_GOLDEN_OCSP_H
#define SW_TESTS_GOLDEN_OCSP_H

typedef struct golden_answer {{
    const char *name;
    int house, revoked, reason;
    const char *message; /* part of the refusal; NULL: taken */
    const char *answer;
}} golden_answer;

/* clang-format off */
static const char *const golden_issuers[] = {{""")
print(",\n".join(text(h.cert.public_bytes(DER)) for h in houses) + "};")
print("static const char *const golden_leafs[] = {")
print(",\n".join(text(h.leaf.public_bytes(DER)) for h in houses) + "};")
print("static const golden_answer golden_answers[] = {")
for title, house, der, revoked, reason, message in cases:
    quoted = "NULL" if message is None else f'"{message}"'
    print(f'    {{"{title}", {house}, {int(revoked)}, {reason}, {quoted},\n{text(der)}}},')
print("};\n/* clang-format on */\n\n#endif")

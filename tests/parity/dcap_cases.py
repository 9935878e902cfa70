# SPDX-License-Identifier: Apache-2.0
"""What beside_dcap_qvl.py bends in a good quote and its collateral, and what both verifiers say of it."""
import json

from cryptography import x509

from dcap_documents import DAY, NOW, OLD, UP, der, iso, isv_level, level, member, module

MODULE = "tcb.tdxModuleIdentities.0"
SERIALS = {name: 1000 + i for i, name in enumerate(("ca", "pck", "root", "tcb"))}
REMOVED = x509.ReasonFlags.remove_from_crl
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


# ---- how to bend ----

def step(value, key):
    return value[int(key)] if isinstance(value, list) else value[key] if isinstance(value, dict) else getattr(value, key)


def put(path, value):
    """Sets what stands at a path such as tcb.tcbLevels.0.tcbStatus."""
    *way, last = path.split(".")

    def change(p):
        for key in way:
            p = step(p, key)
        if isinstance(p, list):
            p[int(last)] = value
        elif isinstance(p, dict):
            p[last] = value
        else:
            setattr(p, last, value)
    return change


def change_at(path, how):
    """Does something to what stands at a path."""
    def change(p):
        for key in path.split("."):
            p = step(p, key)
        how(p)
    return change


def all_of(*changes):
    def change(p):
        for one in changes:
            one(p)
    return change


def v5(*changes):
    return all_of(put("version", 5), *changes)


def svn(*leading):
    return bytes(leading) + bytes(16 - len(leading))


def platform_status(status):
    return put("tcb.tcbLevels.0.tcbStatus", status)


def module_status(status):
    return put(MODULE + ".tcbLevels.0.tcbStatus", status)


def qe_status(status):
    return put("identity.tcbLevels.0.tcbStatus", status)


def other_half(quote):
    """The same signature with n - s."""
    s = int.from_bytes(quote[668:700], "big")
    return quote[:668] + (CURVE_ORDER - s).to_bytes(32, "big") + quote[700:]


def behind(text):
    """One more member at the end of a document."""
    return lambda document: document[:-1] + "," + text + "}"


def documents(name, how):
    """A change of text to either document, signed afterwards."""
    return [(f"TCB info: {name}", put("tcb_text", how)), (f"QE identity: {name}", put("identity_text", how))]


def dates(member_name, value):
    return [(f"{name}'s {member_name} {value}", put(f"{name}.{member_name}", value)) for name in ("tcb", "identity")]


# ---- both say the same ----

WELL = [
    ("as it is", lambda p: None), ("version 5, TD report 1.5", v5()), ("version 5, TD report 1.0", v5(put("body_type", 2))),
    ("zeros behind", put("tail", bytes(64))), ("text behind", put("tail", b"hello")), ("a chain without NUL", put("pem", lambda t: t)), ("the other half of s", put("flip", other_half)),
    ("the processor CA", all_of(put("certs.ca.name", "Intel SGX PCK Processor CA"), put("platform", False))),
    ("evaluation numbers that differ", put("identity.tcbEvaluationDataNumber", 19)), ("FMSPC in lower case", put("tcb.fmspc", "b0c06f000000")),
    ("platform levels in another order", change_at("tcb.tcbLevels", lambda levels: levels.reverse())),
    ("TDX components 0 and 1 above the quote's", put("tcb.tcbLevels.0", level(tdx=(9, 9, 3)))),
    ("component 255", put("components", [255] * 16)), ("a module's id in lower case", put(MODULE + ".id", "tdx_01")),
    ("line 3", put("td.tee_tcb_svn", svn(1, 3, 3))), ("line 0 without identities", all_of(put("td.tee_tcb_svn", svn(5, 0, 3)),
                                                                                        change_at("tcb", lambda t: t.pop("tdxModuleIdentities")))),
    ("advisories of levels that are met", all_of(put("tcb.tcbLevels.0.advisoryIDs", ["A", "B"]), put("identity.tcbLevels.0.advisoryIDs", ["B", "C"]))),
    ("PKS and PERFMON", put("td.td_attributes", 1 << 28 | 1 << 30 | 1 << 63)), ("QE attributes outside the mask", put("qe.attributes", b"\x11" + bytes(15))),
    ("MISCSELECT, the lowest byte first", all_of(put("qe.misc_select", 1), put("identity.miscselect", "01000000"))),
    *[(f"{name} starts at this second", put(f"certs.{name}.start", NOW)) for name in ("root", "ca", "pck", "tcb")],
    *[(f"{name}'s list starts at this second", put(f"crls.{name}.start", NOW)) for name in ("root", "pck")],
    *[(f"{name}'s list ends a second later", put(f"crls.{name}.end", NOW + 1)) for name in ("root", "pck")],
    *dates("issueDate", iso(NOW)), *dates("nextUpdate", iso(NOW + 1)), *dates("nextUpdate", "9999-12-31T23:59:59Z"),
    *documents("a member that nobody needs", behind('"foo":[1,{"a":null}]')),
    *documents("spaces", lambda t: t.replace(",", ", ").replace('":', '" : ')),
    *documents("members in another order", lambda t: json.dumps(json.loads(t), sort_keys=True, separators=(",", ":"))),
    *documents("a name with an escape", lambda t: t.replace('"id"', '"\\u0069d"', 1)),
]

CONVERGED = [
    ("OutOfDate", [
        ("the platform", platform_status(OLD)), ("the module", module_status(OLD)), ("the QE", qe_status(OLD)),
        ("module version 3 of 4", put("td.tee_tcb_svn", svn(3, 1, 3))), ("QE version 3 of 4", put("qe.svn", 3)), ("PCESVN 10 of 11", put("pce_svn", 10)),
        ("component 7 too low", put("components.7", 2)), ("TDX component 2 too low", put("td.tee_tcb_svn", svn(5, 1, 2))),
        ("hardening and module", all_of(platform_status("SWHardeningNeeded"), module_status(OLD)))]),
    ("OutOfDateConfigurationNeeded", [
        ("the platform", platform_status("OutOfDateConfigurationNeeded")),
        ("configuration and module", all_of(platform_status("ConfigurationNeeded"), module_status(OLD))),
        ("configuration, hardening and QE", all_of(platform_status("ConfigurationAndSWHardeningNeeded"), qe_status(OLD)))]),
    *[(status, [("the platform", platform_status(status))]) for status in
      ("SWHardeningNeeded", "ConfigurationNeeded", "ConfigurationAndSWHardeningNeeded")],
    ("TDRelaunchAdvised", [("launched out of date", v5(put("td.tee_tcb_svn", svn(3, 1, 3)))),
                           ("launched below the platform's level", v5(put("td.tee_tcb_svn", svn(5, 1, 2))))]),
    ("TDRelaunchAdvisedConfigurationNeeded", [
        ("launched out of date", v5(put("td.tee_tcb_svn", svn(3, 1, 3)), platform_status("ConfigurationNeeded")))]),
]

LAYOUT = [
    ("version 3", put("version", 3)), ("version 6", put("version", 6)), ("key type 3", put("key_type", 3)), ("an SGX TEE", put("tee", 0)),
    ("another vendor", put("vendor", bytes(16))), ("body type 1", v5(put("body_type", 1))), ("body type 5", v5(put("body_type", 5))),
    ("type 2 with the size of 3", v5(put("body_type", 2), put("body_size", 648))), ("type 3 with the size of 2", v5(put("body_size", 584))),
    ("a body too long", v5(put("body_size", 649))), ("signature data too short", put("size_more", -1)), ("signature data too long", put("size_more", 1)),
    *[(f"inner certification type {n}", put("inner_type", n)) for n in (1, 2, 3, 4, 6, 7)], ("no chain", put("inner", b"")),
]

SIGNATURES = [
    ("the quote by another key", put("signs.quote", "other")), ("the QE report by another key", put("signs.qe", "other")),
    ("the QE report by the CA", put("signs.qe", "ca")), ("the TCB info by another key", put("signs.tcb", "other")),
    ("the TCB info by the PCK", put("signs.tcb", "pck")), ("the TCB info by the root", put("signs.tcb", "root")),
    ("the QE identity by another key", put("signs.identity", "other")), ("another attestation key", put("qe.cover", bytes(64))),
    ("no attestation key", put("flip", lambda q: q[:700] + bytes(64) + q[764:])), ("r is zero", put("flip", lambda q: q[:636] + bytes(32) + q[668:])),
    ("the last byte is cut off", put("flip", lambda q: q[:-1])), ("no quote", put("flip", lambda q: b"")),
]

CHAINS = [
    ("the leaf alone", put("chain", ["pck"])), ("root first", put("chain", ["root", "ca", "pck"])), ("another leaf", put("chain", ["tcb", "ca", "root"])),
    ("the signer's chain", put("chain", ["tcb", "root"])), ("the CA as leaf", put("chain", ["ca", "root"])), ("no CA", put("certs.ca.ca", False)),
    ("a leaf that is a CA", put("certs.pck.ca", True)), ("a signer that is a CA", put("certs.tcb.ca", True)),
    ("a leaf of another key", put("certs.pck.signer", "other")), ("another issuer's name", put("certs.pck.issuer_name", "Intel SGX PCK Platform ca")),
    ("signers, root first", put("signers", ["root", "tcb"])), ("a CA as signer", all_of(put("signers", ["ca", "root"]), put("signs.tcb", "ca"))),
    *[(f"{name} ended", put(f"certs.{name}.end", NOW - 1)) for name in ("ca", "pck", "tcb")],
    *[(f"{name} not yet", put(f"certs.{name}.start", NOW + 1)) for name in ("ca", "pck", "tcb")],
]

LISTS = [
    ("PCK revoked", put("crls.pck.revoked", [(SERIALS["pck"], None)])), ("PCK removed from a list", put("crls.pck.revoked", [(SERIALS["pck"], REMOVED)])),
    ("CA revoked", put("crls.root.revoked", [(SERIALS["ca"], None)])), ("signer revoked", put("crls.root.revoked", [(SERIALS["tcb"], None)])),
    ("root revoked", put("crls.root.revoked", [(SERIALS["root"], None)])), ("PCK list by another key", put("crls.pck.signer", "other")),
    ("root list by another key", put("crls.root.signer", "other")), ("the root's list twice", put("crls.pck.issuer", "root")),
    ("the CA's list twice", put("crls.root.issuer", "ca")), ("the signer's list", put("crls.pck.issuer", "tcb")),
    *[(f"{name}'s list ends at this second", put(f"crls.{name}.end", NOW)) for name in ("root", "pck")],
    *[(f"{name}'s list is a delta", put(f"crls.{name}.delta", True)) for name in ("root", "pck")],
]

DOCUMENTS = [
    ("TCB info of SGX", put("tcb.id", "SGX")), ("TCB info version 2", put("tcb.version", 2)), ("another FMSPC", put("tcb.fmspc", "00806F050000")),
    ("QE identity of SGX", put("identity.id", "QE")), ("QE identity version 1", put("identity.version", 1)),
    *dates("issueDate", iso(NOW + 1)), *dates("nextUpdate", iso(NOW - 1)), *dates("nextUpdate", "soon"), *dates("nextUpdate", "2027-02-30T00:00:00Z"),
    *[(f"platform {word}", platform_status(word)) for word in ("Revoked", "uptodate", "TDRelaunchAdvised")],
    *[(f"module {word}", module_status(word)) for word in ("Revoked", "Foo")], *[(f"QE {word}", qe_status(word)) for word in ("Revoked", "Foo")],
    ("a status of a level that is not met", put("tcb.tcbLevels.1.tcbStatus", "Foo")), ("no platform level", put("tcb.tcbLevels", [])),
    ("no QE level", put("identity.tcbLevels", [])), ("no module level", put(MODULE + ".tcbLevels", [])), ("line 2", put("td.tee_tcb_svn", svn(5, 2, 3))),
    ("module version 1", put("td.tee_tcb_svn", svn(1, 1, 3))), ("TDX component 2 below every level", put("td.tee_tcb_svn", svn(5, 1, 1))),
    ("component 7 below every level", put("components.7", 0)), ("PCESVN below every level", put("pce_svn", 4)), ("QE version 2", put("qe.svn", 2)),
    ("launched below every level", v5(put("td.tee_tcb_svn", svn(1, 1, 3)))), ("now below every level", v5(put("td15.tee_tcb_svn2", svn(1, 1, 3)))),
    ("15 SGX components", change_at("tcb.tcbLevels.0.tcb.sgxtcbcomponents", lambda c: c.pop())),
    ("17 TDX components", change_at("tcb.tcbLevels.0.tcb.tdxtcbcomponents", lambda c: c.append({"svn": 0}))),
    ("component 256", put("tcb.tcbLevels.0.tcb.sgxtcbcomponents.0.svn", 256)), ("component -1", put("tcb.tcbLevels.0.tcb.sgxtcbcomponents.0.svn", -1)),
    *documents("a doubled id in front", lambda t: '{"id":"X",' + t[1:]), *documents("a doubled id behind", behind('"id":"X"')),
    *documents("text behind", lambda t: t + "x"), *documents("a byte order mark", lambda t: "\ufeff" + t), *documents("an array", lambda t: f"[{t}]"),
    *documents("a comment", lambda t: t[:-1] + "/**/}"), *documents("nothing", lambda t: ""),
]

MACHINE = [
    ("QE MISCSELECT", put("qe.misc_select", 1)), ("QE MISCSELECT, the highest byte first", all_of(put("qe.misc_select", 1),
                                                                                                put("identity.miscselect", "00000001"))),
    ("QE attributes", put("qe.attributes", bytes(16))), ("QE signer", put("qe.mr_signer", bytes(32))), ("QE product", put("qe.product", 1)),
    ("a QE under DEBUG", put("qe.attributes", b"\x17" + bytes(15))),
    ("a QE under DEBUG that the mask lets through", all_of(put("qe.attributes", b"\x13" + bytes(15)), put("identity.attributes", "00" * 16),
                                                           put("identity.attributesMask", "00" * 16))),
    *[(f"TD attribute bit {bit}", put("td.td_attributes", 1 << 28 | 1 << bit)) for bit in (0, 1, 7, 8, 29, 32)],
    ("no SEPT_VE_DISABLE", put("td.td_attributes", 0)), ("a service TD", v5(put("td15.mr_service_td", b"\1" * 48))),
    ("MRSIGNERSEAM", put("td.mr_signer_seam", b"\1" * 48)), ("SEAMATTRIBUTES", put("td.seam_attributes", b"\1" + bytes(7))),
    ("a module signer of the wrong line", all_of(put("td.mr_signer_seam", b"\1" * 48), put("tcb.tdxModule.mrsigner", "01" * 48))),
    ("a year too early", put("at", NOW - 365 * DAY)), ("two months too late", put("at", NOW + 60 * DAY)),
]

SAME = [(UP, WELL), *CONVERGED, ("no", LAYOUT + SIGNATURES + CHAINS + LISTS + DOCUMENTS + MACHINE)]

# ---- they differ, and why ours is as it is ----

STRICTER = [
    ("reserved words are zero (EVD-020)", [("header", put("reserved", 1))]),
    ("lengths are consumed exactly, and the outer type is 6 (EVD-022)", [
        ("slack behind the chain", put("slack", b"\0")), ("a zero taken in", all_of(put("size_more", 1), put("tail", b"\0"))),
        *[(f"outer type {n}", put("outer_type", n)) for n in (1, 5, 7)]]),
    ("the QE's report data end in zeros (EVD-041)", [("ones", put("qe.behind", b"\1" * 32))]),
    ("the chain is three certificates, leaf first (EVD-030)", [
        ("no root", put("chain", ["pck", "ca"])), ("leaf twice", put("chain", ["pck", "pck", "ca", "root"])),
        ("root before CA", put("chain", ["pck", "root", "ca"])), ("a fourth", put("chain", ["pck", "ca", "root", "tcb"])),
        ("under the root", all_of(put("certs.pck.issuer", "root"), put("chain", ["pck", "root"])))]),
    ("one PEM form, since nothing signs what stands between (EVD-024)", [
        ("CRLF", put("pem", lambda t: t.replace("\n", "\r\n"))), ("two NUL", put("pem", lambda t: t + "\0\0")),
        ("text in front", put("pem", lambda t: "x\n" + t)),
        ("text behind", put("pem", lambda t: t + "x")), ("an empty line", put("pem", lambda t: t.replace("E-----\n-", "E-----\n\n-", 1))),
        ("another label", put("pem", lambda t: t.replace("CERTIFICATE", "X509 CERTIFICATE"))),
        ("signers, CRLF", put("signers_pem", lambda t: t.replace("\n", "\r\n")))]),
    ("Intel's names (EVD-030, EVD-034)", [
        ("CA", put("certs.ca.name", "Some CA")), ("PCK", put("certs.pck.name", "Intel SGX PCK Certificate 2")),
        ("root", put("certs.root.name", "Some root")), ("signer", put("certs.tcb.name", "Some signer"))]),
    ("who signs collateral is no machine (EVD-034)", [
        ("a PCK signs both", all_of(put("signers", ["pck", "ca", "root"]), put("signs.tcb", "pck"), put("signs.identity", "pck"))),
        ("a PCK signs its own QE identity", all_of(put("qe_signers", ["pck", "ca", "root"]), put("signs.identity", "pck"))),
        ("a signer below the CA", all_of(put("certs.tcb.issuer", "ca"), put("signers", ["tcb", "ca", "root"])))]),
    ("the SGX extension has its members and fits its issuer (EVD-033)", [
        ("processor", put("certs.ca.name", "Intel SGX PCK Processor CA")), ("platform", put("platform", False)),
        ("FMSPC twice", put("sgx_more", member([4], der(4, bytes(6))))), ("one more", put("sgx_more", member([8], der(2, b"\1"))))]),
    ("the end is not part of validity, as in OpenSSL (EVD-031)", [
        *[(name, put(f"certs.{name}.end", NOW)) for name in ("root", "ca", "pck", "tcb")], *dates("nextUpdate", iso(NOW))]),
    ("the root's dates count (EVD-031)", [("ended", put("certs.root.end", NOW - 1)), ("not yet", put("certs.root.start", NOW + 1))]),
    ("the root is a CA (EVD-032)", [("it is none", put("certs.root.ca", False))]),
    ("a list of the future is none (EVD-031)", [(name, put(f"crls.{name}.start", NOW + 1)) for name in ("root", "pck")]),
    ("a list has its number and its issuer's key (EVD-032)", [
        *[(f"{name}, number", put(f"crls.{name}.number", None)) for name in ("root", "pck")],
        *[(f"{name}, key", put(f"crls.{name}.key_id", False)) for name in ("root", "pck")]]),
    ("dates in one form", [*dates("nextUpdate", iso(NOW + 9)[:-1] + ".5Z"), *dates("nextUpdate", "2027-06-30T23:59:60Z"),
                           *dates("nextUpdate", iso(NOW - 3600)[:-1] + "-02:00")]),
    ("versions and types that are known (EVD-036, EVD-037)", [
        ("TCB info 4", put("tcb.version", 4)), ("TCB type 1", put("tcb.tcbType", 1)), ("QE identity 3", put("identity.version", 3))]),
    ("the PCE id is compared (EVD-036)", [("TCB info", put("tcb.pceId", "0001")), ("PCK", put("pce_id", b"\0\1"))]),
    ("nothing is there twice (EVD-038)", [
        ("platform level", change_at("tcb.tcbLevels", lambda levels: levels.append(level(status=OLD)))),
        ("module", change_at("tcb.tdxModuleIdentities", lambda all: all.append(module(1, isv_level(4, OLD))))),
        ("QE level", change_at("identity.tcbLevels", lambda levels: levels.append(isv_level(4, OLD)))),
        *documents("a member that nobody needs", behind('"foo":1,"foo":2'))]),
    ("each level is whole, met or not (EVD-038)", [
        ("15 components", change_at("tcb.tcbLevels.1.tcb.tdxtcbcomponents", lambda c: c.pop())), ("date", put("tcb.tcbLevels.1.tcbDate", "x"))]),
    ("components decide, not CPUSVN's bytes", [("CPUSVN alone is high", all_of(put("components", [0] * 16), put("cpusvn", b"\3" * 8 + bytes(8))))]),
    ("expected bits outside a mask are met by nobody", [
        ("attributes", put("identity.attributes", "11" + "00" * 14 + "FF")),
        ("MISCSELECT", all_of(put("identity.miscselect", "01000000"), put("identity.miscselectMask", "FEFFFFFF")))]),
    ("TD attributes and XFAM that are known (EVD-081, EVD-082)", [
        ("bit 62", put("td.td_attributes", 1 << 28 | 1 << 62)), *[(f"XFAM {x:#x}", put("td.xfam", x)) for x in (0, 1, 0x100, 1 << 63)]]),
    ("SEAMATTRIBUTES are zero (EVD-040)", [("one that is allowed", all_of(put("td.seam_attributes", b"\1" + bytes(7)),
                                                                         put(MODULE + ".attributes", "01" + "00" * 7)))]),
]

DIFFERENT = [
    *[(reason, "no", UP, cases) for reason, cases in STRICTER],
    ("a QE's ConfigurationNeeded counts (EVD-047)", "ConfigurationNeeded", UP, [("QE", qe_status("ConfigurationNeeded"))]),
    ("a QE's OutOfDateConfigurationNeeded counts (EVD-047)", "OutOfDateConfigurationNeeded", UP, [("QE", qe_status("OutOfDateConfigurationNeeded"))]),
    ("what is out of date now counts (EVD-102)", OLD, UP, [("module", v5(put("td15.tee_tcb_svn2", svn(3, 1, 3)))),
                                                          ("platform", v5(put("td15.tee_tcb_svn2", svn(5, 1, 2))))]),
    ("the highest level that is met, in any order (EVD-044)", UP, OLD, [
        ("module", change_at(MODULE + ".tcbLevels", lambda levels: levels.reverse())),
        ("QE", change_at("identity.tcbLevels", lambda levels: levels.reverse()))]),
    ("authentication data may have any length", UP, "no", [(f"{n} bytes", put("auth", bytes(n))) for n in (0, 31, 33, 64)]),
    ("PCESVN has two bytes", UP, "no", [("65535", put("pce_svn", 65535))]),
    ("components decide, not CPUSVN's bytes", UP, "no", [("CPUSVN alone is low", put("cpusvn", bytes(16)))]),
    ("a whole number may be written with a point", UP, "no", [("3.0", put("tcb.tcbLevels.0.tcb.sgxtcbcomponents.0.svn", 3.0))]),
]

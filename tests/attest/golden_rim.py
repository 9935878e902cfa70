#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Canonical XML 1.1 by libxml2: of a document without its ds:Signature, and of its ds:SignedInfo, as the node sets that XML Signature means.
#   python3 tests/attest/golden_rim.py > tests/attest/golden_rim.h    synthetic documents with both forms
#   python3 tests/attest/golden_rim.py FILE...                        a line for each file: SHA-384 of both forms
#   python3 tests/attest/golden_rim.py --random SEED COUNT FOLDER     writes FOLDER/0, FOLDER/1, ..., documents of chance, and such a line for each
import ctypes
import ctypes.util
import hashlib
import os
import random
import sys

DS = "http://www.w3.org/2000/09/xmldsig#"
SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
C14N_1_1 = 2  # xmlC14NMode

xml = ctypes.CDLL(ctypes.util.find_library("xml2") or "libxml2.so.2")
for name in ("xmlReadMemory", "xmlXPathNewContext", "xmlXPathEvalExpression"):
    getattr(xml, name).restype = ctypes.c_void_p


def canonical(text, which):
    doc = ctypes.c_void_p(xml.xmlReadMemory(text, len(text), b"manifest.xml", None, 0))
    assert doc, "libxml2 does not read the document"
    ctx = ctypes.c_void_p(xml.xmlXPathNewContext(doc))
    xml.xmlXPathRegisterNs(ctx, b"ds", DS.encode())
    found = xml.xmlXPathEvalExpression(b"(//. | //@* | //namespace::*)[%s]" % which.encode(), ctx)
    nodes = ctypes.c_void_p.from_address(found + ctypes.sizeof(ctypes.c_void_p))  # xmlXPathObject: type, nodesetval
    out = ctypes.c_void_p()
    size = xml.xmlC14NDocDumpMemory(doc, nodes, C14N_1_1, None, 0, ctypes.byref(out))
    assert size > 0, "libxml2 gives no canonical form"
    return ctypes.string_at(out, size)


def forms(text):
    return canonical(text, "not(ancestor-or-self::ds:Signature)"), canonical(text, "ancestor-or-self::ds:SignedInfo")


INFO = '<ds:SignedInfo><ds:Reference URI=""/></ds:SignedInfo>'
SIGNATURE = f'<ds:Signature xmlns:ds="{DS}">{INFO}<ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature>'
CASES = {
    "as NVIDIA writes it":
        f'<SoftwareIdentity xmlns="{SWID}" xmlns:ns0="{SWID}" xmlns:ns2="http://www.w3.org/2001/04/xmlenc#sha384" corpus="false" name="X">\n'
        f'    <ns0:Meta xmlns:ns1="https://tcg.example/" colloquialVersion="1" ns1:B="2" edition="GPU" ns1:A="1"/>\n'
        f'    <ns0:Payload xmlns:SHA384="http://www.w3.org/2001/04/xmlenc#sha384">\n        <ns0:Resource index="0" ns2:Hash0="00" '
        f'name="M" size="48"/>\n    </ns0:Payload>\n{SIGNATURE}</SoftwareIdentity>\n',
    "no namespace": f"<a>{SIGNATURE}</a>",
    "text behind the root": f"<a>{SIGNATURE}</a>\n \t\n",
    "text on both sides of the signature": f"<a>one {SIGNATURE} two</a>",
    "empty elements in both spellings": f"<a><b/><b></b><b />{SIGNATURE}</a >",
    "spaces and line ends in tags": f'<a \n x="1"\t  y="2"\n ><b\n/><c x="1"   y="2"   />{SIGNATURE}</a\n>',
    "attributes out of order": f'<a z="1" y="2" A="3" a="4" _="5" a.b="6" a-b="7" a1="8">{SIGNATURE}</a>',
    "attributes by URI and not by prefix":
        f'<a xmlns:p="urn:z" xmlns:q="urn:a" xmlns:r="urn:m" p:x="1" q:x="2" r:x="3" x="4" q:a="5" r:b="6">{SIGNATURE}</a>',
    "two prefixes of one URI": f'<a xmlns:p="urn:u" xmlns:q="urn:u" q:a="1" p:b="2" q:c="3"><p:b/><q:c/>{SIGNATURE}</a>',
    "declarations out of order": f'<a xmlns:z="urn:1" xmlns:b="urn:2" x="1" xmlns:_a="urn:3" xmlns:B="urn:4" xmlns="urn:5">{SIGNATURE}</a>',
    "declared again, the same": f'<a xmlns="urn:d" xmlns:p="urn:p"><b xmlns="urn:d" xmlns:p="urn:p"><p:c xmlns:p="urn:p" xmlns="urn:d"/></b>{SIGNATURE}</a>',
    "declared again, another": f'<a xmlns="urn:d" xmlns:p="urn:p"><b xmlns="urn:e"><c xmlns="urn:d" xmlns:p="urn:q" p:x="1"><p:d xmlns:p="urn:p"/></c></b>{SIGNATURE}</a>',
    "the default declared inside": f'<a><b xmlns="urn:d"><c xmlns="urn:d"/></b><b/>{SIGNATURE}</a>',
    "a prefix that nobody uses": f'<a xmlns:unused="urn:n"><b xmlns:never="urn:m"/>{SIGNATURE}</a>',
    "namespaces change on the way to SignedInfo":
        f'<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q"><ds:Signature xmlns="urn:e" xmlns:ds="{DS}" xmlns:p="urn:p2">'
        f'<ds:SignedInfo xmlns:r="urn:r" xmlns:q="urn:q"><ds:Reference xmlns:q="urn:q3" xmlns:p="urn:p2" URI="" q:x="1" p:x="2"/></ds:SignedInfo></ds:Signature></a>',
    "Signature under the default namespace":
        f'<p:a xmlns:p="urn:p"><Signature xmlns="{DS}"><SignedInfo Id="i"><Reference URI=""/>\n</SignedInfo><SignatureValue/></Signature></p:a>',
    "ds declared at the root": f'<a xmlns:ds="{DS}" xmlns="urn:d"><ds:Signature>{INFO}</ds:Signature></a>',
    "white space inside SignedInfo": f'<a><ds:Signature xmlns:ds="{DS}">\n  <ds:SignedInfo>\n\t<ds:Reference   URI=""  />\n  </ds:SignedInfo>\n</ds:Signature></a>',
    "characters beyond ASCII": f'<a x="\u00e9\u4e16\U0001f600"><b>\u00e9 \u0416 \ufeff \ufffd \U0010ffff</b>{SIGNATURE}</a>',
    "quotes and other marks": f"<a x=\"it's\" y=\" \" z=\"\" w=\"a > b\"><b>\"it's\" = ; # ]] / ?</b>{SIGNATURE}</a>",
    "deep": f'<a><b><c><d><e><f><g><h x="1">t</h></g></f></e></d></c></b>{SIGNATURE}</a>',
    "siblings after a subtree": f'<a><b><c><d/></c> x </b> y <b/>\n<b><c/> z</b>{SIGNATURE}</a>',
}


def literal(data):
    """A C string, in pieces of at most 100 characters; hex escapes end a piece."""
    pieces, piece = [], ""
    for byte in data:
        c = chr(byte)
        piece += {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "?": "\\?"}.get(c) or (c if 0x20 <= byte < 0x7f else f"\\x{byte:02x}")
        if len(piece) > 80 or byte >= 0x7f or c == "\n":
            pieces.append(piece)
            piece = ""
    return "\n     ".join(f'"{p}"' for p in [*pieces, piece] if p)


def header():
    number = int(ctypes.c_char_p.in_dll(xml, "xmlParserVersion").value[:5])
    version = f"{number // 10000}.{number // 100 % 100}.{number % 100}"
    print("/* SPDX-License-Identifier: Apache-2.0\n *\n"
          f" * Made by tests/attest/golden_rim.py with libxml2 {version}: documents, their canonical form (C14N\n"
          " * 1.1) without their signature, and that of their SignedInfo.\n */")
    print("/* clang-format off */")
    print("static const struct {\n    const char *name, *text, *document, *signed_info;\n} golden_forms[] = {")
    for name, text in CASES.items():
        document, info = forms(text.encode())
        print(f'    {{"{name}",\n     {literal(text.encode())},\n     {literal(document)},\n     {literal(info)}}},')
    print("};\n/* clang-format on */")


def hashes(text):
    return " ".join(hashlib.sha384(form).hexdigest() for form in forms(text))


class Chance:
    """Documents of the subset with namespaces declared, hidden and declared again at every depth."""

    URIS = ["urn:a", "urn:b", "urn:c", "http://x.example/y", "urn:a:b", "urn:A"]
    PREFIXES = ["", "p", "q", "_s", "B", "a-b", "x1"]

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *choices):
        return self.random.choice(choices)

    def some(self, most, make):
        return "".join(make() for _ in range(self.random.randint(0, most)))

    def text(self):
        return self.some(4, lambda: self.pick("a", "\n", "\t", " ", '"', "'", "\u0416"))

    def start(self, scope, name=None, declared=()):
        """An open start tag, its name, and the namespaces inside."""
        declared, seen, attributes = dict(declared), set(), []
        for _ in range(self.pick(0, 0, 1, 2)):
            declared.setdefault(self.pick(*self.PREFIXES), self.pick(*self.URIS))
        inside = {**scope, **declared}
        prefixes = [*(p for p in inside if p), ""]
        for _ in range(self.pick(0, 1, 2, 3, 5)):
            prefix, local = self.pick(*prefixes), self.pick("a", "b", "B", "_c", "a-b", "a1", "z")
            if (inside[prefix] if prefix else "", local) not in seen:
                seen.add((inside[prefix] if prefix else "", local))
                attributes.append((f"{prefix}:{local}" if prefix else local, self.some(4, lambda: self.pick("a", "B", " ", "'", "=", ">", "\u00e9"))))
        attributes += [(f"xmlns:{p}" if p else "xmlns", uri) for p, uri in declared.items()]
        self.random.shuffle(attributes)
        prefix = self.pick(*prefixes)
        name = name or (prefix + ":" if prefix else "") + self.pick("a", "b", "C", "d.e", "_f")
        space = lambda: self.pick(" ", "  ", "\n", "\t", " \n ")
        return "<" + name + "".join(f'{space()}{a}="{v}"' for a, v in attributes) + self.pick("", " ", "\n"), name, inside

    def tree(self, depth, scope):
        tag, name, inside = self.start(scope)
        if depth > 3 or self.random.random() < 0.3:
            return tag + self.pick("/>", f">{self.text()}</{name}>")
        return f"{tag}>{self.children(depth + 1, inside)}</{name}{self.pick('', ' ')}>"

    def children(self, depth, scope):
        return self.some(3, lambda: self.text() + self.tree(depth, scope)) + self.text()

    def document(self):
        made = None
        while made is None or made.count("xmlns") > 32 or made.count("<") > 256:  # the limits of rim_internal.h
            made = self.attempt()
        return made

    def attempt(self):
        root, name, outer = self.start({})
        signature, _, inside = self.start(outer, "ds:Signature", {"ds": DS})
        info, _, innermost = self.start(inside, "ds:SignedInfo")
        return (f"{root}>{self.children(1, outer)}{signature}>{info}>{self.children(3, innermost)}</ds:SignedInfo>"
                f"<ds:SignatureValue/></ds:Signature>{self.text()}</{name}>{self.pick('', chr(10))}")


if sys.argv[1:2] == ["--random"]:
    chance = Chance(int(sys.argv[2]))
    for i in range(int(sys.argv[3])):
        made = chance.document().encode()
        with open(os.path.join(sys.argv[4], str(i)), "wb") as file:
            file.write(made)
        print(hashes(made))
elif len(sys.argv) > 1:
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            print(hashes(file.read()))
else:
    header()

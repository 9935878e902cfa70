/* SPDX-License-Identifier: Apache-2.0
 *
 * Made by tests/attest/golden_rim.py with libxml2 2.9.14: documents, their canonical form (C14N
 * 1.1) without their signature, and that of their SignedInfo.
 */
/* clang-format off */
static const struct {
    const char *name, *text, *document, *signed_info;
} golden_forms[] = {
    {"as NVIDIA writes it",
     "<SoftwareIdentity xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\""
     " xmlns:ns0=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" xmlns:ns2=\""
     "http://www.w3.org/2001/04/xmlenc#sha384\" corpus=\"false\" name=\"X\">\n"
     "    <ns0:Meta xmlns:ns1=\"https://tcg.example/\" colloquialVersion=\"1\" ns1:B=\""
     "2\" edition=\"GPU\" ns1:A=\"1\"/>\n"
     "    <ns0:Payload xmlns:SHA384=\"http://www.w3.org/2001/04/xmlenc#sha384\">\n"
     "        <ns0:Resource index=\"0\" ns2:Hash0=\"00\" name=\"M\" size=\"48\"/>\n"
     "    </ns0:Payload>\n"
     "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:"
     "Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></"
     "ds:Signature></SoftwareIdentity>\n",
     "<SoftwareIdentity xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\""
     " xmlns:ns0=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" xmlns:ns2=\""
     "http://www.w3.org/2001/04/xmlenc#sha384\" corpus=\"false\" name=\"X\">\n"
     "    <ns0:Meta xmlns:ns1=\"https://tcg.example/\" colloquialVersion=\"1\" edition="
     "\"GPU\" ns1:A=\"1\" ns1:B=\"2\"></ns0:Meta>\n"
     "    <ns0:Payload xmlns:SHA384=\"http://www.w3.org/2001/04/xmlenc#sha384\">\n"
     "        <ns0:Resource index=\"0\" name=\"M\" size=\"48\" ns2:Hash0=\"00\"></ns0:R"
     "esource>\n"
     "    </ns0:Payload>\n"
     "</SoftwareIdentity>",
     "<ds:SignedInfo xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" xm"
     "lns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:ns0=\"http://standards.iso.or"
     "g/iso/19770/-2/2015/schema.xsd\" xmlns:ns2=\"http://www.w3.org/2001/04/xmlenc#sha"
     "384\"><ds:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"no namespace",
     "<a><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><"
     "ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue"
     "></ds:Signature></a>",
     "<a></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"text behind the root",
     "<a><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><"
     "ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue"
     "></ds:Signature></a>\n"
     " \t\n",
     "<a></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"text on both sides of the signature",
     "<a>one <ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedIn"
     "fo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureV"
     "alue></ds:Signature> two</a>",
     "<a>one  two</a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"empty elements in both spellings",
     "<a><b/><b></b><b /><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">"
     "<ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</d"
     "s:SignatureValue></ds:Signature></a >",
     "<a><b></b><b></b><b></b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"spaces and line ends in tags",
     "<a \n"
     " x=\"1\"\t  y=\"2\"\n"
     " ><b\n"
     "/><c x=\"1\"   y=\"2\"   /><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xml"
     "dsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue"
     ">AA==</ds:SignatureValue></ds:Signature></a\n"
     ">",
     "<a x=\"1\" y=\"2\"><b></b><c x=\"1\" y=\"2\"></c></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"attributes out of order",
     "<a z=\"1\" y=\"2\" A=\"3\" a=\"4\" _=\"5\" a.b=\"6\" a-b=\"7\" a1=\"8\"><ds:Signa"
     "ture xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference"
     " URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signat"
     "ure></a>",
     "<a A=\"3\" _=\"5\" a=\"4\" a-b=\"7\" a.b=\"6\" a1=\"8\" y=\"2\" z=\"1\"></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"attributes by URI and not by prefix",
     "<a xmlns:p=\"urn:z\" xmlns:q=\"urn:a\" xmlns:r=\"urn:m\" p:x=\"1\" q:x=\"2\" r:x="
     "\"3\" x=\"4\" q:a=\"5\" r:b=\"6\"><ds:Signature xmlns:ds=\"http://www.w3.org/2000"
     "/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:Signatu"
     "reValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a xmlns:p=\"urn:z\" xmlns:q=\"urn:a\" xmlns:r=\"urn:m\" x=\"4\" q:a=\"5\" q:x=\""
     "2\" r:b=\"6\" r:x=\"3\" p:x=\"1\"></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:p=\"urn:z\" "
     "xmlns:q=\"urn:a\" xmlns:r=\"urn:m\"><ds:Reference URI=\"\"></ds:Reference></ds:Si"
     "gnedInfo>"},
    {"two prefixes of one URI",
     "<a xmlns:p=\"urn:u\" xmlns:q=\"urn:u\" q:a=\"1\" p:b=\"2\" q:c=\"3\"><p:b/><q:c/>"
     "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:"
     "Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></"
     "ds:Signature></a>",
     "<a xmlns:p=\"urn:u\" xmlns:q=\"urn:u\" q:a=\"1\" p:b=\"2\" q:c=\"3\"><p:b></p:b><"
     "q:c></q:c></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:p=\"urn:u\" "
     "xmlns:q=\"urn:u\"><ds:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"declarations out of order",
     "<a xmlns:z=\"urn:1\" xmlns:b=\"urn:2\" x=\"1\" xmlns:_a=\"urn:3\" xmlns:B=\"urn:4"
     "\" xmlns=\"urn:5\"><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">"
     "<ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</d"
     "s:SignatureValue></ds:Signature></a>",
     "<a xmlns=\"urn:5\" xmlns:B=\"urn:4\" xmlns:_a=\"urn:3\" xmlns:b=\"urn:2\" xmlns:z"
     "=\"urn:1\" x=\"1\"></a>",
     "<ds:SignedInfo xmlns=\"urn:5\" xmlns:B=\"urn:4\" xmlns:_a=\"urn:3\" xmlns:b=\"urn"
     ":2\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:z=\"urn:1\"><ds:Refere"
     "nce URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"declared again, the same",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\"><b xmlns=\"urn:d\" xmlns:p=\"urn:p\"><p:c xm"
     "lns:p=\"urn:p\" xmlns=\"urn:d\"/></b><ds:Signature xmlns:ds=\"http://www.w3.org/2"
     "000/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:Sign"
     "atureValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\"><b><p:c></p:c></b></a>",
     "<ds:SignedInfo xmlns=\"urn:d\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xm"
     "lns:p=\"urn:p\"><ds:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"declared again, another",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\"><b xmlns=\"urn:e\"><c xmlns=\"urn:d\" xmlns:"
     "p=\"urn:q\" p:x=\"1\"><p:d xmlns:p=\"urn:p\"/></c></b><ds:Signature xmlns:ds=\"ht"
     "tp://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:Si"
     "gnedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\"><b xmlns=\"urn:e\"><c xmlns=\"urn:d\" xmlns:"
     "p=\"urn:q\" p:x=\"1\"><p:d xmlns:p=\"urn:p\"></p:d></c></b></a>",
     "<ds:SignedInfo xmlns=\"urn:d\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xm"
     "lns:p=\"urn:p\"><ds:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"the default declared inside",
     "<a><b xmlns=\"urn:d\"><c xmlns=\"urn:d\"/></b><b/><ds:Signature xmlns:ds=\"http:/"
     "/www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:Signed"
     "Info><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a><b xmlns=\"urn:d\"><c></c></b><b></b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"a prefix that nobody uses",
     "<a xmlns:unused=\"urn:n\"><b xmlns:never=\"urn:m\"/><ds:Signature xmlns:ds=\"http"
     "://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/></ds:Sign"
     "edInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a xmlns:unused=\"urn:n\"><b xmlns:never=\"urn:m\"></b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:unused=\"urn"
     ":n\"><ds:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"namespaces change on the way to SignedInfo",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"><ds:Signature xmlns=\"urn:"
     "e\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:p=\"urn:p2\"><ds:Signed"
     "Info xmlns:r=\"urn:r\" xmlns:q=\"urn:q\"><ds:Reference xmlns:q=\"urn:q3\" xmlns:p"
     "=\"urn:p2\" URI=\"\" q:x=\"1\" p:x=\"2\"/></ds:SignedInfo></ds:Signature></a>",
     "<a xmlns=\"urn:d\" xmlns:p=\"urn:p\" xmlns:q=\"urn:q\"></a>",
     "<ds:SignedInfo xmlns=\"urn:e\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xm"
     "lns:p=\"urn:p2\" xmlns:q=\"urn:q\" xmlns:r=\"urn:r\"><ds:Reference xmlns:q=\"urn:"
     "q3\" URI=\"\" p:x=\"2\" q:x=\"1\"></ds:Reference></ds:SignedInfo>"},
    {"Signature under the default namespace",
     "<p:a xmlns:p=\"urn:p\"><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><S"
     "ignedInfo Id=\"i\"><Reference URI=\"\"/>\n"
     "</SignedInfo><SignatureValue/></Signature></p:a>",
     "<p:a xmlns:p=\"urn:p\"></p:a>",
     "<SignedInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\" xmlns:p=\"urn:p\" Id=\"i"
     "\"><Reference URI=\"\"></Reference>\n"
     "</SignedInfo>"},
    {"ds declared at the root",
     "<a xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" xmlns=\"urn:d\"><ds:Signature>"
     "<ds:SignedInfo><ds:Reference URI=\"\"/></ds:SignedInfo></ds:Signature></a>",
     "<a xmlns=\"urn:d\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></a>",
     "<ds:SignedInfo xmlns=\"urn:d\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><d"
     "s:Reference URI=\"\"></ds:Reference></ds:SignedInfo>"},
    {"white space inside SignedInfo",
     "<a><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n"
     "  <ds:SignedInfo>\n"
     "\t<ds:Reference   URI=\"\"  />\n"
     "  </ds:SignedInfo>\n"
     "</ds:Signature></a>",
     "<a></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n"
     "\t<ds:Reference URI=\"\"></ds:Reference>\n"
     "  </ds:SignedInfo>"},
    {"characters beyond ASCII",
     "<a x=\"\xc3"
     "\xa9"
     "\xe4"
     "\xb8"
     "\x96"
     "\xf0"
     "\x9f"
     "\x98"
     "\x80"
     "\"><b>\xc3"
     "\xa9"
     " \xd0"
     "\x96"
     " \xef"
     "\xbb"
     "\xbf"
     " \xef"
     "\xbf"
     "\xbd"
     " \xf4"
     "\x8f"
     "\xbf"
     "\xbf"
     "</b><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>"
     "<ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValu"
     "e></ds:Signature></a>",
     "<a x=\"\xc3"
     "\xa9"
     "\xe4"
     "\xb8"
     "\x96"
     "\xf0"
     "\x9f"
     "\x98"
     "\x80"
     "\"><b>\xc3"
     "\xa9"
     " \xd0"
     "\x96"
     " \xef"
     "\xbb"
     "\xbf"
     " \xef"
     "\xbf"
     "\xbd"
     " \xf4"
     "\x8f"
     "\xbf"
     "\xbf"
     "</b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"quotes and other marks",
     "<a x=\"it's\" y=\" \" z=\"\" w=\"a > b\"><b>\"it's\" = ; # ]] / \?</b><ds:Signatu"
     "re xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference U"
     "RI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signatur"
     "e></a>",
     "<a w=\"a > b\" x=\"it's\" y=\" \" z=\"\"><b>\"it's\" = ; # ]] / \?</b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"deep",
     "<a><b><c><d><e><f><g><h x=\"1\">t</h></g></f></e></d></c></b><ds:Signature xmlns:"
     "ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo><ds:Reference URI=\"\"/>"
     "</ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature></a>",
     "<a><b><c><d><e><f><g><h x=\"1\">t</h></g></f></e></d></c></b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
    {"siblings after a subtree",
     "<a><b><c><d/></c> x </b> y <b/>\n"
     "<b><c/> z</b><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Si"
     "gnedInfo><ds:Reference URI=\"\"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:Sign"
     "atureValue></ds:Signature></a>",
     "<a><b><c><d></d></c> x </b> y <b></b>\n"
     "<b><c></c> z</b></a>",
     "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Reference URI="
     "\"\"></ds:Reference></ds:SignedInfo>"},
};
/* clang-format on */

/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests that are not taken: structure, algorithms, digest, signature, chain, dates, entries
 * (GPU-120 to GPU-143), and one that is, cut at every byte and with flipped bits.
 */
#include "attest/rim_forge.h"

#define DS_OPEN "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">"

/* ---- structure and algorithms: refused before anything is computed ---- */
typedef struct bend {
    size_t n; /* which occurrence */
    const char *from, *to, *sentence;
} bend;
static const bend structures[] = {
    {0, "<SoftwareIdentity xmlns=\"http", "<SoftwareIdentity xmlns=\"https",
     "the root element is not"},
    {0, "    <ns0:Entity name=\"Sealwright\" role=\"softwareCreator tagCreator\"/>\n", "",
     "the element Meta at offset"},
    {0, "tagCreator\"/>", "tagCreator\"/><ns0:Entity/>", "the element Entity at offset"},
    {0, "tagCreator\"/>", "tagCreator\"><ns0:X/></ns0:Entity>", "the element X at offset"},
    {0, "tagCreator\"/>", "tagCreator\">x</ns0:Entity>", "text stands in the element Entity"},
    {0, "    </ns0:Payload>", "    </ns0:Payload>x", "text stands in the element SoftwareIdentity"},
    {0, "    </ns0:Payload>", "    </ns0:Payload><ns0:Link/>", "the element Link at offset"},
    {0, "    </ns0:Payload>", "    </ns0:Payload><ns0:Payload/>", "the element Payload at offset"},
    {0, "<ns0:Payload ", "<ns0:Payload>x</ns0:Payload><ns0:Payload ", "the element Payload at"},
    {0, "\"/>\n    <ns0:Payload", "\"><ns2:X/></ns0:Meta>\n    <ns0:Payload", "the element X at"},
    {0, "</ds:Signature>", "</ds:Signature>" DS_OPEN "</ds:Signature>",
     "has 2 signatures, not one"},
    {0, "</ds:Signature>", "</ds:Signature><ns0:Meta/>", "is not the last child"},
    {0, DS_OPEN, "<ds:Signature Id=\"i\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
     "the element Signature at offset"},
    {0, "<ds:SignedInfo>", "<ds:SignedInfo Id=\"i\">", "the element SignedInfo at offset"},
    {0, "<ds:Reference URI=\"\">", "<ds:Reference URI=\"#x\">", "the URI of the element Reference"},
    {0, "<ds:Reference URI=\"\">", "<ds:Reference>", "lacks its URI"},
    {0, "<ds:Reference URI=\"\">", "<ds:Reference URI=\"\" Id=\"i\">", "has 2 attributes, not 1"},
    {0, "</ds:Reference>", "</ds:Reference><ds:Reference URI=\"\"/>", "has 2 references, not one"},
    {0, "<ds:Transforms>", "<ds:Transforms><ds:Reference/>", "has 2 references, not one"},
    {0, "</ds:KeyInfo>", "</ds:KeyInfo><ds:Object/>", "the element Object at offset"},
    {0, "<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName/>", "the element KeyName at offset"},
    {0, "<ds:KeyInfo>", "<ds:KeyInfo Id=\"i\">", "the element KeyInfo at offset"},
    {0, "<ds:X509Data>", "<ds:X509Data><ds:X509SubjectName/>", "the element X509SubjectName at"},
    {0, "<ds:X509Data>", "<ds:X509Data><ds:X509CRL/>", "the element X509CRL at offset"},
    {0, "</ds:X509Data>", "</ds:X509Data><ds:X509Data/>", "the element X509Data at offset"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate Id=\"i\">", "the element X509Certificate at"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate>.", "is not base64"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate> ", "is not base64"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate>AAAA", "certificate 0 of the manifest is not"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate/><ds:X509Certificate>", "is not base64"},
    {0, "<ds:X509Certificate>", "<ds:X509Certificate><ds:X/>", "the element X at offset"},
    {0, "<ds:SignatureValue>", "<ds:SignatureValue>AAAA", "signature has 99 bytes, not 96"},
    {0, "<ds:SignatureValue>", "<ds:SignatureValue Id=\"i\">", "the element SignatureValue at"},
    {0, "<ds:SignatureValue>", "<ds:SignatureValue/><ds:SignatureValue>", "the element Signature"},
    {0, "<ds:DigestValue>", "<ds:DigestValue>AAAA", "digest has 51 bytes, not 48"},
    {0, "<ds:DigestValue>", "<ds:DigestValue Id=\"i\">", "the element DigestValue at offset"},
    {0, "<ds:DigestMethod", "<ds:DigestMethod/><ds:DigestMethod",
     "the element DigestMethod at offset"},
    {0, "<ds:DigestMethod Algorithm=", "<ds:DigestMethod x=", "lacks its Algorithm"},
    {0, "<ds:Transforms>", "<ds:Transforms><ds:Transform Algorithm=\"urn:x\"/>",
     "the element Transform at offset"},
    {0, "<ds:Transforms>", "<ds:Transforms Id=\"i\">", "the element Transforms at offset"},
    {0, "<ds:Transforms>", "<ds:Transforms>x", "text stands in the element Transforms"},
    {0, "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>", "",
     "lacks its Transform"},
    {0, "xml-c14n11\"/></ds:Transforms>", "xml-c14n11\"><ds:XPath/></ds:Transform></ds:Transforms>",
     "the element XPath at offset"},
};
static const bend algorithms[] = {
    {0, "http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/2006/12/xml-c14n11#WithComments",
     "the Algorithm of the element CanonicalizationMethod"},
    {1, "http://www.w3.org/2006/12/xml-c14n11", "http://www.w3.org/2001/10/xml-exc-c14n#",
     "the Algorithm of the element Transform"},
    {0, "xmldsig-more#ecdsa-sha384", "xmldsig-more#ecdsa-sha256",
     "the Algorithm of the element SignatureMethod"},
    {0, "xmldsig-more#ecdsa-sha384", "xmldsig-more#hmac-sha384",
     "the Algorithm of the element SignatureMethod"},
    {0, "xmldsig#enveloped-signature", "xmldsig#base64", "the Algorithm of the element Transform"},
    {0, "xmldsig-more#sha384", "xmldsig-more#sha224", "the Algorithm of the element DigestMethod"},
    {0, "<ds:SignatureMethod Algorithm", "<ds:SignatureMethod x=\"1\" Algorithm",
     "the element SignatureMethod at offset"},
};

static void test_structures(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(structures); i++) {
        const bend *b = &structures[i];
        rim_check_text(rim_bend_at(rim_good(), b->n, b->from, b->to), b->sentence);
    }
}

/* Signed or not, another algorithm is another. */
static void test_algorithms(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        const bend *b = &algorithms[i];
        char *text = rim_bend_at(rim_good(), b->n, b->from, b->to);
        rim_sign(text, forge.leaf.secret);
        rim_check_text(text, b->sentence);
    }
}

/* ---- digest and signature ---- */
static void test_digest(void **state) {
    (void)state;
    static const char sentence[] = "the manifest is not the one that was signed";
    rim_check_text(rim_bend(rim_good(), "Hash0=\"0000", "Hash0=\"0001"), sentence);
    rim_check_text(rim_bend(rim_good(), "570.00.1", "570.00.2"), sentence);
    rim_check_text(rim_bend(rim_good(), "active=\"False\"", "active=\"True\""), sentence);
    rim_check_text(rim_bend(rim_good(), "    <ns0:Meta", "     <ns0:Meta"), sentence);
    rim_check_text(rim_bend(rim_good(), "</ds:Signature>", "</ds:Signature>\n"), sentence);
    rim_check_text(rim_bend(rim_good(), "xmlns:ns0=", "xmlns:n=\"urn:n\" xmlns:ns0="), sentence);
}

/* The digest alone made right, and a signature by somebody else's key. */
static void test_signature(void **state) {
    (void)state;
    static const char sentence[] =
        "the manifest's signature by its first certificate does not hold";
    char *text = rim_bend(rim_good(), "570.00.1", "570.00.2"), *old = rim_good();
    rim_sign(text, forge.leaf.secret);
    sw_rim rim = {0};
    assert_int_equal(rim_judge(sw_text(text), &rim, NULL), SW_OK);
    assert_string_equal(rim.version, "570.00.2");
    sw_rim_free(&rim);
    size_t value = strlen("<ds:SignatureValue>");
    memcpy(strstr(text, "<ds:SignatureValue>") + value, strstr(old, "<ds:SignatureValue>") + value,
           128);
    rim_check_text(text, sentence);
    rim_sign(old, forge.spare.secret);
    rim_check_text(old, sentence);
    rim_sign(old = rim_good(), forge.ca.secret);
    rim_check_text(old, sentence);
    uint8_t zero[SW_P384_SIGNATURE_BYTES] = {0};
    rim_put_value(old = rim_good(), "<ds:SignatureValue>", SW_BYTES_OF(zero));
    rim_check_text(old, sentence);
}

/* ---- chain ---- */
static char *with_chain(const sw_cert *const *certs, size_t count, const uint8_t *secret) {
    sw_bytes chain[SW_RIM_CHAIN_LIMIT], usual[3];
    sw_rim_plan plan = rim_plan_of(usual);
    for (size_t i = 0; i < count; i++) chain[i] = sw_cert_der(certs[i]);
    plan.chain = chain;
    plan.chain_count = count;
    plan.secret = secret;
    return rim_text(&plan);
}

static void test_chain(void **state) {
    (void)state;
    const sw_cert *leaf = forge.leaf.cert, *spare = forge.spare.cert, *ca = forge.ca.cert,
                  *root = forge.root.cert, *responder = forge.responder.cert;
    const struct {
        size_t count;
        const sw_cert *certs[SW_RIM_CHAIN_LIMIT];
        const uint8_t *secret;
        const char *sentence;
    } table[] = {
        {2, {leaf, ca}, forge.leaf.secret, "does not end in the pinned root"},
        {3, {leaf, root, ca}, forge.leaf.secret, "does not end in the pinned root"},
        {2, {leaf, root}, forge.leaf.secret, "names another issuer than certificate 1"},
        {4, {leaf, spare, ca, root}, forge.leaf.secret, "names another issuer"},
        {4, {leaf, ca, spare, root}, forge.leaf.secret, "names another issuer"},
        {4, {leaf, ca, ca, root}, forge.leaf.secret, "names another issuer"},
        {4, {leaf, leaf, ca, root}, forge.leaf.secret, "names another issuer"},
        {4, {leaf, ca, root, root}, forge.leaf.secret, "another path"},
        {4, {leaf, ca, root, leaf}, forge.leaf.secret, "does not end in the pinned root"},
        {3, {ca, leaf, root}, forge.ca.secret, "names another issuer"},
        {2, {ca, root}, forge.ca.secret, "is not one for signatures alone"},
        {3, {responder, ca, root}, forge.responder.secret, "is not one for signatures alone"},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        rim_check_text(with_chain(table[i].certs, table[i].count, table[i].secret),
                       table[i].sentence);
}

/* The certificates of a good manifest as they stand there; free it. */
static char *certificates(void) {
    char *text = rim_good();
    *strstr(text, "</ds:X509Data>") = 0;
    char *all = strdup(strstr(text, "<ds:X509Certificate>"));
    assert_non_null(all);
    free(text);
    return all;
}

static void test_count(void **state) {
    (void)state;
    char *all = certificates();
    size_t room = 3 * strlen(all) + 1;
    char *many = malloc(room);
    assert_non_null(many);
    (void)snprintf(many, room, "%s%s%s", all, all, all);
    rim_check_text(rim_bend(rim_good(), all, ""), "the manifest has no certificate");
    rim_check_text(rim_bend(rim_good(), all, many), "more than 6 certificates");
    free(many);
    free(all);
}

static void test_anchor(void **state) {
    (void)state;
    char *text = rim_good();
    sw_hash other = forge.anchor, zero = {{0}}, leaf;
    other.b[31] ^= 1;
    sw_sha256(&leaf, sw_cert_der(forge.leaf.cert));
    rim_check_refused(sw_text(text), &other, RIM_NOW, "does not end in the pinned root");
    rim_check_refused(sw_text(text), &zero, RIM_NOW, "does not end in the pinned root");
    rim_check_refused(sw_text(text), &leaf, RIM_NOW, "does not end in the pinned root");
    free(text);
}

/* A key of another curve signs nothing. */
static void test_curve(void **state) {
    (void)state;
    const sw_cert_plan plan = {.common_name = "Forged P-256",
                               .serial = 9,
                               .not_before_ms = RIM_NOW - RIM_DAY,
                               .not_after_ms = RIM_NOW + RIM_DAY};
    SW_SCOPED(sw_buffer) der = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) base64 = SW_BUFFER(8192);
    uint8_t secret[32];
    memset(secret, 7, sizeof secret);
    sw_p256_public key;
    assert_int_equal(sw_p256_derive(secret, &key, NULL), SW_OK);
    assert_int_equal(sw_cert_make(&plan, &key, NULL, secret, &der, NULL), SW_OK);
    sw_base64_encode(&base64, sw_buffer_bytes(&der));
    sw_put_text(&base64, "</ds:X509Certificate><ds:X509Certificate>");
    sw_put_u8(&base64, 0);
    char *text = rim_bend(rim_good(), "<ds:X509Certificate>", "<ds:X509Certificate>@");
    rim_check_text(rim_bend(text, "@", (const char *)base64.data),
                   "the key of the manifest's first certificate is not of P-384");
}

static void test_dates(void **state) {
    (void)state;
    char *text = rim_good();
    const struct {
        int64_t days;
        const char *sentence; /* NULL: taken */
    } table[] = {
        {-100, NULL},         {-101, "certificate 0 (the leaf): certificate is not yet valid"},
        {399, NULL},          {401, "certificate 1 (an intermediate): certificate has expired"},
        {601, "has expired"}, {-901, "is not yet valid"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        sw_rim rim = {0};
        int64_t at = RIM_NOW + table[i].days * RIM_DAY;
        if (table[i].sentence != NULL) {
            rim_check_refused(sw_text(text), &forge.anchor, at, table[i].sentence);
            rim_check_refused(sw_text(text), &forge.anchor, at, "the manifest's chain");
            continue;
        }
        assert_int_equal(sw_rim_verify(sw_text(text), &forge.anchor, at, &rim, NULL), SW_OK);
        sw_rim_free(&rim);
    }
    free(text);
}

/* ---- entries: signed by the right key, and not taken all the same ---- */
static const bend contents[] = {
    {0, "index=\"1\"", "index=\"0\"", "the measurement 0 stands there twice"},
    {0, "index=\"63\"", "index=\"64\"", "has no index from 0 to 63"},
    {0, "index=\"1\"", "index=\"01\"", "has no index from 0 to 63"},
    {0, "index=\"1\"", "index=\"+1\"", "has no index from 0 to 63"},
    {0, "index=\"1\"", "index=\"\"", "has no index from 0 to 63"},
    {0, "index=\"1\"", "index=\"9999999999999999999999\"", "has no index from 0 to 63"},
    {0, " index=\"1\"", "", "has no index from 0 to 63"},
    {0, "ns2:Hash0=\"0", "ns2:Hash0=\"", "Hash0 of the measurement 0 is not 48 bytes"},
    {0, "ns2:Hash0=\"0", "ns2:Hash0=\"000", "Hash0 of the measurement 0 is not 48 bytes"},
    {0, "ns2:Hash0=\"0", "ns2:Hash0=\"A", "Hash0 of the measurement 0 is not 48 bytes"},
    {0, "ns2:Hash0=\"0", "ns2:Hash0=\"g", "Hash0 of the measurement 0 is not 48 bytes"},
    {0, "ns2:Hash0=", "ns2:Hash1=", "the measurement 0 lacks its Hash0"},
    {0, "ns2:Hash0=", "Hash0=", "the measurement 0 lacks its Hash0"},
    {0, "ns2:Hash0=", "ns0:Hash0=", "the measurement 0 lacks its Hash0"},
    {0, "<ns0:Resource ", "<ns0:Resource xmlns:ns2=\"urn:x\" ",
     "the measurement 0 lacks its Hash0"},
    {0, "alternatives=\"1\"", "alternatives=\"2\"", "the measurement 0 lacks its Hash1"},
    {0, "alternatives=\"1\"", "alternatives=\"0\"", "no number of alternatives from 1 to 16"},
    {0, "alternatives=\"1\"", "alternatives=\"17\"", "no number of alternatives from 1 to 16"},
    {0, "alternatives=\"1\"", "alternatives=\"01\"", "no number of alternatives from 1 to 16"},
    {0, " alternatives=\"1\"", "", "no number of alternatives from 1 to 16"},
    {0, "alternatives=\"4\"", "alternatives=\"3\"", "measurement 12 has other values"},
    {0, "alternatives=\"16\"", "alternatives=\"15\"", "measurement 15 has other values"},
    {0, "active=\"True\"", "active=\"true\"", "the measurement 0 is neither active nor inactive"},
    {0, "active=\"True\"", "active=\"1\"", "the measurement 0 is neither active nor inactive"},
    {0, "active=\"False\"", "active=\"\"", "the measurement 1 is neither active nor inactive"},
    {0, " active=\"False\"", "", "the measurement 1 is neither active nor inactive"},
    {0, " size=\"48\"", " size=\"32\"", "the measurement 0 is not of 48 bytes"},
    {0, " size=\"48\"", "", "the measurement 0 is not of 48 bytes"},
    {0, "type=\"Measurement\"", "type=\"Other\"", "the resource 0 is not a measurement"},
    {0, "type=\"Measurement\" ", "", "the resource 0 is not a measurement"},
    {0, " size=\"48\"", " size=\"48\" more=\"1\"", "measurement 0 has other values or attributes"},
    {0, "<ns0:Resource", "<ns0:Directory/><ns0:Resource", "is not a resource"},
    {0, "<ns0:Resource", "<ns2:Resource/><ns0:Resource", "is not a resource"},
    {0, "size=\"48\"/>", "size=\"48\"><ns0:Meta/></ns0:Resource>", "is not a resource"},
    {0, "colloquialVersion=\"570.00.1\"", "colloquialVersion=\"\"", "has no colloquialVersion"},
    {0, "colloquialVersion=\"570.00.1\" ", "", "has no colloquialVersion"},
    {0, "colloquialVersion=", "ns1:colloquialVersion=", "has no colloquialVersion"},
    {0, "colloquialVersion=\"570.00.1\"", "colloquialVersion=\"570 1\"",
     "colloquialVersion has a character"},
    {0, "colloquialVersion=\"570.00.1\"",
     "colloquialVersion=\"012345678901234567890123456789012345678901234567\"",
     "colloquialVersion has more than 47 bytes"},
    {0, "edition=\"GPU\"", "edition=\"\xc3\xa9\"", "edition has a character"},
    {0, "edition=\"GPU\"", "edition=\"\"", "has no edition"},
    {0, "product=\"FH100\"",
     "product=\"01234567890123456789012345678901234567890123456789012345678901234\"",
     "product has more than 63 bytes"},
};

static void test_contents(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(contents); i++) {
        const bend *b = &contents[i];
        char *text = rim_bend_at(rim_good(), b->n, b->from, b->to);
        rim_sign(text, forge.leaf.secret);
        rim_check_text(text, b->sentence);
    }
}

/* Nothing active is no success, and absent names are empty ones. */
static void test_bare(void **state) {
    (void)state;
    sw_bytes chain[3];
    sw_rim_plan plan = rim_plan_of(chain);
    plan.entry_count = 1;
    char *text = rim_bend(rim_text(&plan), "active=\"True\"", "active=\"False\"");
    rim_sign(text, forge.leaf.secret);
    rim_check_text(text, "the manifest has no active measurement");
    text = rim_bend(rim_text(&plan), " product=\"FH100\"", "");
    text = rim_bend(text, " edition=\"GPU\"", "");
    text = rim_bend(text, " name=\"FH100\"", "");
    rim_sign(text, forge.leaf.secret);
    sw_rim rim = {0};
    assert_int_equal(rim_judge(sw_text(text), &rim, NULL), SW_OK);
    assert_int_equal(rim.product[0] + rim.edition[0] + rim.name[0], 0);
    assert_int_equal(rim.active_count, 1);
    assert_int_equal(rim.entries[1].alternative_count, 0);
    sw_rim_free(&rim);
    free(text);
}

/* ---- every cut, and flips ---- */
static char *small_manifest(void) {
    sw_bytes chain[3];
    sw_rim_plan plan = rim_plan_of(chain);
    plan.entry_count = 2;
    return rim_text(&plan);
}

static void test_cuts(void **state) {
    (void)state;
    char *text = small_manifest();
    size_t size = strlen(text), taken = 0;
    for (size_t cut = 0; cut < size; cut++) {
        sw_rim rim = {0};
        if (rim_judge(SW_BYTES(text, cut), &rim, NULL) != SW_OK) continue;
        assert_int_equal(cut, size - 1); /* the line end behind the root */
        sw_rim_free(&rim);
        taken++;
    }
    assert_int_equal(taken, 1);
    free(text);
}

/* Every bit of what is signed; where each try costs signatures, one bit of each byte of the
 * signature and of every seventh of the certificates. None passes. */
static void test_flips(void **state) {
    (void)state;
    char *text = small_manifest();
    size_t size = strlen(text), signature = (size_t)(strstr(text, "<ds:SignatureValue>") - text);
    size_t certificates = (size_t)(strstr(text, "<ds:KeyInfo>") - text);
    for (size_t at = 0; at < size; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            sw_rim rim = {0};
            if (at > signature && bit != at % 8) continue;
            if (at > certificates && at % 7 != 0) continue;
            text[at] = (char)(text[at] ^ (1 << bit));
            if (rim_judge(SW_BYTES(text, size), &rim, NULL) == SW_OK)
                fail_msg("bit %u of byte %zu flipped, and taken", bit, at);
            text[at] = (char)(text[at] ^ (1 << bit));
        }
    free(text);
}

static int open_all(void **state) {
    (void)state;
    rim_forge_open();
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rim_forge_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structures), cmocka_unit_test(test_algorithms),
        cmocka_unit_test(test_digest),     cmocka_unit_test(test_signature),
        cmocka_unit_test(test_chain),      cmocka_unit_test(test_count),
        cmocka_unit_test(test_anchor),     cmocka_unit_test(test_curve),
        cmocka_unit_test(test_dates),      cmocka_unit_test(test_contents),
        cmocka_unit_test(test_bare),       cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_flips),
    };
    return cmocka_run_group_tests_name("rim", tests, open_all, close_all);
}

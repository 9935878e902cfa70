/* SPDX-License-Identifier: Apache-2.0
 *
 * The canonical form against libxml2's, byte for byte (golden_rim.h, golden_rim.py), and what the
 * XML subset leaves out, by name and place (GPU-100 to GPU-114).
 */
#include "attest/golden_rim.h"
#include "attest/rim_forge.h"

static void assert_form(const char *name, const sw_buffer *made, const char *expected) {
    if (!sw_bytes_is(sw_buffer_bytes(made), expected))
        fail_msg("%s: \"%.*s\" is not \"%s\"", name, (int)made->size, (const char *)made->data,
                 expected);
}

static void test_goldens(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(golden_forms); i++) {
        SW_SCOPED(sw_buffer) document = SW_BUFFER(SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_RIM_LIMIT);
        sw_error err = {0};
        if (sw_rim_canonical(sw_text(golden_forms[i].text), &document, &info, &err) != SW_OK)
            fail_msg("%s: %s", golden_forms[i].name, err.message);
        assert_form(golden_forms[i].name, &document, golden_forms[i].document);
        assert_form(golden_forms[i].name, &info, golden_forms[i].signed_info);
    }
}

/* What is canonical is its own canonical form: the signature put back before the last end tag. */
static void test_again(void **state) {
    (void)state;
    static const char tail[] = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">"
                               "<ds:SignedInfo></ds:SignedInfo></ds:Signature>";
    for (size_t i = 0; i < COUNT(golden_forms); i++) {
        SW_SCOPED(sw_buffer) document = SW_BUFFER(SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_RIM_LIMIT);
        const char *form = golden_forms[i].document, *end = strrchr(form, '<');
        sw_put_bytes(&again, SW_BYTES(form, (size_t)(end - form)));
        sw_put_text(&again, tail);
        sw_put_text(&again, end);
        assert_int_equal(sw_rim_canonical(sw_buffer_bytes(&again), &document, &info, NULL), SW_OK);
        assert_form(golden_forms[i].name, &document, form);
    }
}

/* ---- documents of chance: libxml2 beside us ---- */
enum { RANDOM_DOCUMENTS = 400, LINE_BYTES = 256 };
#define RANDOM_SEED "20090607"

static void hash_line(sw_bytes text, char out[LINE_BYTES]) {
    SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
    uint8_t digest[SW_SHA384_BYTES];
    char hex[2][2 * SW_SHA384_BYTES + 1];
    sw_error err = {0};
    if (sw_rim_canonical(text, &document, &info, &err) != SW_OK)
        fail_msg("%s: %.*s", err.message, (int)text.size, (const char *)text.data);
    sw_sha384(digest, sw_buffer_bytes(&document));
    sw_hex_text(hex[0], SW_BYTES_OF(digest));
    sw_sha384(digest, sw_buffer_bytes(&info));
    sw_hex_text(hex[1], SW_BYTES_OF(digest));
    (void)snprintf(out, LINE_BYTES, "%s %s\n", hex[0], hex[1]);
}

static void test_chance(void **state) {
    (void)state;
    char folder[] = "/tmp/sw_rim_XXXXXX", command[128], theirs[LINE_BYTES], ours[LINE_BYTES];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(command, sizeof command,
                   "python3 tests/attest/golden_rim.py --random " RANDOM_SEED " %d %s",
                   RANDOM_DOCUMENTS, folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (int i = 0; i < RANDOM_DOCUMENTS; i++) {
        char path[64];
        static uint8_t bytes[64 << 10];
        if (fgets(theirs, sizeof theirs, pipe) == NULL) fail_msg("libxml2 gave no line %d", i);
        (void)snprintf(path, sizeof path, "%s/%d", folder, i);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        hash_line(SW_BYTES(bytes, size), ours);
        if (strcmp(ours, theirs) != 0) fail_msg("document %d of seed " RANDOM_SEED, i);
        (void)remove(path);
    }
    assert_int_equal(pclose(pipe), 0);
    (void)remove(folder);
}

/* ---- refusals ---- */
#define DS  "http://www.w3.org/2000/09/xmldsig#"
#define SIG "<ds:Signature xmlns:ds=\"" DS "\"><ds:SignedInfo/></ds:Signature>"

static void check_refused(sw_bytes text, const char *sentence) {
    SW_SCOPED(sw_buffer) document = SW_BUFFER(SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(SW_RIM_LIMIT);
    sw_error err = {0};
    if (sw_rim_canonical(text, &document, &info, &err) == SW_OK)
        fail_msg("taken, not refused: \"%s\"", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(document.size + info.size, 0);
}

static const struct {
    const char *text, *sentence;
} refusals[] = {
    {"", "the manifest is empty"},
    {"\xef\xbb\xbf<a>" SIG "</a>", "opens with a byte order mark"},
    {"<?xml version=\"1.0\"?><a>" SIG "</a>", "an XML declaration at offset 0"},
    {"<a>" SIG "</a>\r\n", "a carriage return at offset"},
    {"<a>&amp;" SIG "</a>", "an entity or a bare & at offset 3"},
    {"<a x=\"&#10;\">" SIG "</a>", "an entity or a bare & at offset 6"},
    {"<a><!-- c -->" SIG "</a>", "a comment at offset 3"},
    {"<a>" SIG "</a><!-- c -->", "a comment at offset"},
    {"<a><![CDATA[x]]>" SIG "</a>", "a CDATA section at offset 3"},
    {"<a><?p i?>" SIG "</a>", "a processing instruction at offset 3"},
    {"<?p i?><a>" SIG "</a>", "a processing instruction at offset 0"},
    {"<!DOCTYPE a><a>" SIG "</a>", "a DTD at offset 0"},
    {"<!DOCTYPE a [<!ENTITY b \"c\">]><a>" SIG "</a>", "a DTD at offset 0"},
    {"<!ELEMENT a ANY><a>" SIG "</a>", "a declaration at offset 0"},
    {"<a x='1'>" SIG "</a>", "an attribute in single quotes at offset 5"},
    {"<a x=\"1\" x=\"2\">" SIG "</a>", "the attribute x stands twice in the element at offset 0"},
    {"<a xmlns:p=\"urn:u\" xmlns:q=\"urn:u\" p:x=\"1\" q:x=\"2\">" SIG "</a>",
     "the attribute x stands twice"},
    {"<a xmlns=\"urn:u\" xmlns=\"urn:u\">" SIG "</a>", "stands twice"},
    {"<a xmlns:p=\"urn:u\" xmlns:p=\"urn:v\">" SIG "</a>", "the attribute p stands twice"},
    {"<p:a>" SIG "</p:a>", "the prefix p is not declared"},
    {"<a p:x=\"1\">" SIG "</a>", "the prefix p is not declared"},
    {"<a><b xmlns:p=\"urn:u\"/><p:c/>" SIG "</a>", "the prefix p is not declared"},
    {"<a xml:lang=\"en\">" SIG "</a>", "the prefix xml is not declared"},
    {"<a xmlns:xml=\"http://www.w3.org/XML/1998/namespace\">" SIG "</a>",
     "the reserved prefix xml is declared"},
    {"<a xmlns:xmlns=\"urn:u\">" SIG "</a>", "the reserved prefix xmlns is declared"},
    {"<a xmlns:p=\"http://www.w3.org/XML/1998/namespace\">" SIG "</a>",
     "a reserved namespace is declared"},
    {"<a xmlns=\"http://www.w3.org/2000/xmlns/\">" SIG "</a>", "a reserved namespace is declared"},
    {"<a xmlns=\"\">" SIG "</a>", "is not an absolute URI"},
    {"<a xmlns:p=\"\">" SIG "</a>", "is not an absolute URI"},
    {"<a xmlns:p=\"relative\">" SIG "</a>", "is not an absolute URI"},
    {"<a x=\"1\ny\">" SIG "</a>", "a line end, a tab or a < in the attribute at offset 6"},
    {"<a x=\"1\ty\">" SIG "</a>", "a line end, a tab or a < in the attribute"},
    {"<a x=\"1<y\">" SIG "</a>", "a line end, a tab or a < in the attribute"},
    {"<a x=\"1", "the manifest ends inside an attribute"},
    {"<a x =\"1\">" SIG "</a>", "no =\" behind the attribute"},
    {"<a x= \"1\">" SIG "</a>", "no =\" behind the attribute"},
    {"<a x>" SIG "</a>", "no =\" behind the attribute"},
    {"<a x=\"1\"y=\"2\">" SIG "</a>", "no space before the attribute at offset 8"},
    {"<a ", "the manifest ends inside a tag"},
    {"<a", "the manifest ends inside a tag"},
    {"<", "no name at offset 1"},
    {"< a>" SIG "</a>", "no name at offset 1"},
    {"<1>" SIG "</1>", "no name at offset 1"},
    {"<a:>" SIG "</a:>", "no name at offset 3"},
    {"<a xmlns:a=\"urn:u\"><a:b:c/>" SIG "</a>", "at offset"},
    {"<\xc3\xa9>" SIG "</\xc3\xa9>", "no name at offset 1"},
    {"<a>]]>" SIG "</a>", "a > outside of a tag at offset 5"},
    {"<a>" SIG "</b>", "is not of the element that is open"},
    {"<a xmlns:p=\"urn:u\"><p:b></b>" SIG "</a>", "is not of the element that is open"},
    {"<a>" SIG "</a x=\"1\">", "does not end"},
    {"<a>" SIG, "the manifest ends inside the element at offset 0"},
    {"</a>", "an end tag too many at offset 0"},
    {"<a>" SIG "</a></a>", "an end tag too many"},
    {"<a>" SIG "</a><b/>", "a second root element"},
    {" <a>" SIG "</a>", "something stands outside of the root element at offset 0"},
    {"<a>" SIG "</a>x", "something stands outside of the root element"},
    {"<a>\x01" SIG "</a>", "a control character at offset 3"},
    {"<a>\x7f" SIG "</a>", "a control character at offset 3"},
    {"<a>\xef\xbf\xbe" SIG "</a>", "a control character at offset 3"},
    {"<a>\xef\xbf\xbf" SIG "</a>", "a control character at offset 3"},
    {"<a>\xc3" SIG "</a>", "the manifest is not UTF-8"},
    {"<a>\xed\xa0\x80" SIG "</a>", "the manifest is not UTF-8"},
    {"<a/>", "the manifest has 0 signatures, not one"},
    {"<a>" SIG SIG "</a>", "the manifest has 2 signatures, not one"},
    {"<a><b>" SIG "</b>" SIG "</a>", "the manifest has 2 signatures, not one"},
    {"<a>" SIG "<b/></a>", "the signature is not the last child"},
    {"<a><b>" SIG "</b></a>", "the signature is not the last child"},
    {SIG, "the signature is not the last child"},
    {"<a><ds:Signature xmlns:ds=\"" DS "\"/></a>", "does not open with its SignedInfo"},
    {"<a><ds:Signature xmlns:ds=\"" DS "\"><ds:Object/><ds:SignedInfo/></ds:Signature></a>",
     "does not open with its SignedInfo"},
    {"<a><ds:Signature xmlns:ds=\"urn:other\"><ds:SignedInfo/></ds:Signature></a>",
     "the manifest has 0 signatures"},
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++)
        check_refused(sw_text(refusals[i].text), refusals[i].sentence);
    check_refused(SW_LITERAL("<a>\0" SIG "</a>"), "a control character at offset 3");
}

/* ---- limits ---- */
static void put_times(sw_buffer *b, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) sw_put_text(b, text);
}

/* `count` times `piece` inside <a>; with `closer` as often behind it. */
static void check_count(size_t most, const char *head, const char *piece, const char *closer,
                        const char *sentence) {
    for (size_t over = 0; over < 2; over++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(2 * SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
        sw_error err = {0};
        sw_put_text(&text, head);
        put_times(&text, most + over, piece);
        put_times(&text, most + over, closer);
        sw_put_text(&text, SIG "</a>");
        if (over == 1) check_refused(sw_buffer_bytes(&text), sentence);
        if (over == 0 && sw_rim_canonical(sw_buffer_bytes(&text), &document, &info, &err) != SW_OK)
            fail_msg("%s: %s", sentence, err.message);
    }
}

static void check_names(size_t most, const char *form, const char *sentence) {
    for (size_t over = 0; over < 2; over++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
        SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
        sw_put_text(&text, "<a><b");
        for (size_t i = 0; i < most + over; i++) {
            char piece[64];
            (void)snprintf(piece, sizeof piece, form, i);
            sw_put_text(&text, piece);
        }
        sw_put_text(&text, "/>" SIG "</a>");
        if (over == 1) check_refused(sw_buffer_bytes(&text), sentence);
        if (over == 0)
            assert_int_equal(sw_rim_canonical(sw_buffer_bytes(&text), &document, &info, NULL),
                             SW_OK);
    }
}

static void test_limits(void **state) {
    (void)state;
    check_count(253, "<a>", "<b/>", "", "more than 256 elements");
    check_count(7, "<a>", "<b>", "</b>", "more than 8 elements inside each other");
    check_count(SW_RIM_LIMIT - strlen("<a>" SIG "</a>"), "<a>", " ", "", "has more than 262144");
    check_names(32, " x%zu=\"1\"", "too many attributes");
    check_names(31, " xmlns:p%zu=\"urn:u\"", "more than 32 namespaces are declared");
    char name[80] = "<a><";
    memset(name + 4, 'n', 65);
    check_refused(sw_text(name), "a name of more than 64 bytes at offset 4");
}

/* 253 elements with 9 attributes each are more than all elements together may have. */
static void test_attributes(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_RIM_LIMIT);
    sw_put_text(&text, "<a>");
    put_times(&text, 250, "<b a=\"\" b=\"\" c=\"\" d=\"\" e=\"\" f=\"\" g=\"\" h=\"\" i=\"\"/>");
    sw_put_text(&text, SIG "</a>");
    check_refused(sw_buffer_bytes(&text), "too many attributes");
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

/* A manifest of our own has the canonical form of one with every liberty that the subset leaves. */
static void test_liberties(void **state) {
    (void)state;
    char *text = rim_good();
    SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) other_document = SW_BUFFER(4 * SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) other_info = SW_BUFFER(4 * SW_RIM_LIMIT);
    assert_int_equal(sw_rim_canonical(sw_text(text), &document, &info, NULL), SW_OK);
    text = rim_bend(text, "corpus=\"false\" name=\"FH100\"", "name=\"FH100\"\n\tcorpus=\"false\"");
    text = rim_bend(text, "/>\n    <ns0:Meta", "  ></ns0:Entity >\n    <ns0:Meta");
    text = rim_bend(text, "<ds:Reference URI=\"\">", "<ds:Reference  URI=\"\" >");
    assert_int_equal(sw_rim_canonical(sw_text(text), &other_document, &other_info, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&document), sw_buffer_bytes(&other_document)));
    assert_true(sw_bytes_equal(sw_buffer_bytes(&info), sw_buffer_bytes(&other_info)));
    sw_rim rim = {0};
    assert_int_equal(rim_judge(sw_text(text), &rim, NULL), SW_OK);
    sw_rim_free(&rim);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chance),    cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_again),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_liberties),
    };
    return cmocka_run_group_tests_name("rim_canonical", tests, open_all, close_all);
}

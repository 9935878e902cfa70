/* SPDX-License-Identifier: Apache-2.0
 *
 * Evidence told by what it does not share with the evidence before it (MAN-006 to MAN-009): what is
 * written, that the very bytes come back, and that there is no second way to write it.
 */
#include "crypto/vector.h"
#include "manifest/manifest.h"

#include <stdio.h>
#include <string.h>

typedef struct pair {
    const char *before, *now, *shortened;
} pair;
static const pair PAIRS[] = {
    {"", "{\"a\":\"x\"}", "{\"a\":\"x\"}"}, /* the first of a run */
    {"", "{}", "{}"},
    {"{}", "{\"a\":[]}", "{\"a\":[]}"},
    {"{\"a\":\"x\",\"b\":\"y\"}", "{\"a\":\"x\",\"b\":\"z\"}", "{\"a\":null,\"b\":\"z\"}"},
    {"{\"a\":\"x\"}", "{\"a\":\"x\"}", "{\"a\":null}"},
    {"{\"a\":1}", "{\"a\":\"1\"}", "{\"a\":\"1\"}"},
    {"{\"a\":1,\"b\":2}", "{\"a\":1}", "{\"a\":null}"}, /* what is gone is not named */
    {"{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}", "{\"a\":{\"b\":null,\"c\":3}}"},
    {"{\"a\":{\"b\":1}}", "{\"a\":[1]}", "{\"a\":[1]}"}, /* another kind of value is whole */
    {"{\"a\":[1,2]}", "{\"a\":[1,3,2]}", "{\"a\":[null,3,2]}"},
    {"{\"a\":[1,2]}", "{\"a\":[]}", "{\"a\":[]}"},
    {"{\"a\":[[1],[2]]}", "{\"a\":[[1],[2,3]]}", "{\"a\":[null,[null,3]]}"},
    {"{\"gpu\":[{\"chain\":\"c\",\"report\":\"1\"},{\"chain\":\"d\",\"report\":\"2\"}]}",
     "{\"gpu\":[{\"chain\":\"c\",\"report\":\"3\"},{\"chain\":\"e\",\"report\":\"4\"}]}",
     "{\"gpu\":[{\"chain\":null,\"report\":\"3\"},{\"chain\":\"e\",\"report\":\"4\"}]}"},
    /* deeper than any evidence: the same or whole */
    {"{\"a\":[[[[[[1,2]]]]]]}", "{\"a\":[[[[[[1,3]]]]]]}", "{\"a\":[[[[[[1,3]]]]]]}"},
    {"{\"a\":[[[[[1,2]]]]]}", "{\"a\":[[[[[1,3]]]]]}", "{\"a\":[[[[[null,3]]]]]}"},
};

static void test_pairs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(PAIRS); i++) {
        const pair *p = &PAIRS[i];
        SW_SCOPED(sw_buffer) made = SW_BUFFER(1024);
        SW_SCOPED(sw_buffer) back = SW_BUFFER(1024);
        sw_error err = {0};
        if (sw_manifest_shorten(sw_text(p->before), sw_text(p->now), &made, &err) != SW_OK)
            fail_msg("%zu: %s", i, err.message);
        if (!sw_bytes_is(sw_buffer_bytes(&made), p->shortened))
            fail_msg("%zu: %.*s", i, (int)made.size, (const char *)made.data);
        assert_int_equal(
            sw_manifest_restore(sw_text(p->before), sw_buffer_bytes(&made), &back, NULL), SW_OK);
        assert_true(sw_bytes_is(sw_buffer_bytes(&back), p->now));
    }
}

/* ---- long strings ---- */
enum { LONG = 1024 };

/* {"a":"..."}: letters in turn, and from each of `places` on so many bytes of another. */
static void put_long(sw_buffer *out, size_t size, const size_t *places, size_t count,
                     size_t width) {
    sw_put_text(out, "{\"a\":\"");
    for (size_t i = 0; i < size; i++) {
        bool other = false;
        for (size_t k = 0; k < count; k++)
            other = other || (i >= places[k] && i < places[k] + width);
        sw_put_u8(out, other ? '#' : (uint8_t)('a' + i % 26));
    }
    sw_put_text(out, "\"}");
}

static void check_long(size_t size, const size_t *places, size_t count, size_t width,
                       const char *shortened) {
    SW_SCOPED(sw_buffer) before = SW_BUFFER(4 * LONG);
    SW_SCOPED(sw_buffer) now = SW_BUFFER(4 * LONG);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(4 * LONG);
    SW_SCOPED(sw_buffer) back = SW_BUFFER(4 * LONG);
    put_long(&before, size, NULL, 0, 0);
    put_long(&now, size, places, count, width);
    assert_int_equal(
        sw_manifest_shorten(sw_buffer_bytes(&before), sw_buffer_bytes(&now), &made, NULL), SW_OK);
    sw_bytes wanted = shortened == NULL ? sw_buffer_bytes(&now) : sw_text(shortened);
    if (!sw_bytes_equal(sw_buffer_bytes(&made), wanted))
        fail_msg("%.*s", (int)made.size, (const char *)made.data);
    assert_int_equal(
        sw_manifest_restore(sw_buffer_bytes(&before), sw_buffer_bytes(&made), &back, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&back), sw_buffer_bytes(&now)));
}

static void test_parts(void **state) {
    (void)state;
    static const size_t first[] = {0}, middle[] = {100, 500}, near[] = {100, 134},
                        gap[] = {100, 133}, last[] = {LONG - 2};
    size_t every[51];
    for (size_t i = 0; i < COUNT(every); i++) every[i] = 31 * i;
    check_long(LONG, first, 1, 2, "{\"a\":[\"##\",1022]}");
    check_long(LONG, last, 1, 2, "{\"a\":[1022,\"##\"]}");
    check_long(LONG, middle, 2, 2, "{\"a\":[100,\"##\",398,\"##\",522]}");
    check_long(LONG, near, 2, 2, "{\"a\":[100,\"##\",32,\"##\",888]}");
    check_long(LONG, gap, 2, 2, /* 31 bytes between them are told anew */
               "{\"a\":[100,\"##yzabcdefghijklmnopqrstuvwxyzabc##\",889]}");
    check_long(LONG, every, 34, 1, NULL); /* nothing long enough is the same */
    check_long(255, first, 1, 2, NULL);   /* too short for it to be worth it */
    for (size_t i = 0; i < COUNT(every); i++) every[i] = 40 * i;
    check_long(2 * LONG, every, COUNT(every), 2, NULL); /* in more parts than 64 */
}

/* ---- refusals ---- */
typedef struct refusal {
    const char *before, *shortened, *sentence;
} refusal;
static const refusal REFUSALS[] = {
    {"{\"a\":1}", "{\"a\":1}", "repeats what the evidence before it holds"},
    {"{\"a\":[1,2]}", "{\"a\":[1,3]}", "repeats what the evidence before it holds"},
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":null}}", "repeats what the evidence before it holds"},
    {"{\"a\":[1]}", "{\"a\":[null]}", "repeats what the evidence before it holds"},
    {"{\"a\":[]}", "{\"a\":[]}", "repeats what the evidence before it holds"},
    {"", "{\"a\":null}", "leaves out what the evidence before it does not hold"},
    {"{\"a\":1}", "{\"b\":null}", "leaves out what the evidence before it does not hold"},
    {"{\"a\":[1]}", "{\"a\":[2,null]}", "leaves out what the evidence before it does not hold"},
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"c\":null}}",
     "leaves out what the evidence before it does not hold"},
    {"{\"a\":\"xy\"}", "{\"a\":[2]}", "repeats what the evidence before it holds"},
    {"{\"a\":\"xy\"}", "{\"a\":[1,\"z\"]}", "repeats what the evidence before it holds"},
    {"{\"a\":\"xy\"}", "{\"a\":[3]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[1,\"zz\"]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[\"\",2]}", "repeats what the evidence before it holds"},
    {"{\"a\":\"xy\"}", "{\"a\":[0,\"zz\"]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[-1]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[0.5]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[null]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[[\"zz\"]]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[9007199254740991]}", "parts that are none of the one before it"},
    {"{\"a\":\"xy\"}", "{\"a\":[1]}", "in parts and not to its end"},
    {"{\"a\":\"xy\"}", "{\"a\":[]}", "in parts and not to its end"},
    {"{\"a\":1}", "[1]", "evidence is not an object"},
    {"{\"a\":1}", "null", "evidence is not an object"},
    {"{\"a\":1}", "{\"a\": 2}", ""},
    {"{\"a\":1}", "{\"b\":1,\"a\":2}", ""},
    {"{\"a\":1}", "{\"a\":2}\n", ""},
    {"{\"a\":1}", "", ""},
    {"[1]", "{\"a\":2}", "evidence is not an object"},
};

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSALS); i++) {
        const refusal *r = &REFUSALS[i];
        SW_SCOPED(sw_buffer) out = SW_BUFFER(1024);
        sw_error err = {0};
        sw_put_text(&out, "kept");
        if (sw_manifest_restore(sw_text(r->before), sw_text(r->shortened), &out, &err) == SW_OK)
            fail_msg("taken: %s behind %s", r->shortened, r->before);
        if (strstr(err.message, r->sentence) == NULL)
            fail_msg("%s: \"%s\"", r->shortened, err.message);
        assert_true(sw_bytes_is(sw_buffer_bytes(&out), "kept"));
    }
    SW_SCOPED(sw_buffer) out = SW_BUFFER(1024);
    assert_int_equal(sw_manifest_shorten(SW_LITERAL("{}"), SW_LITERAL("{\"a\":null}"), &out, NULL),
                     SW_MALFORMED);
    assert_int_equal(
        sw_manifest_shorten(SW_LITERAL("{\"a\":\"x\"}"), SW_LITERAL("{\"a\":[1]}"), &out, NULL),
        SW_MALFORMED);
    assert_int_equal(out.size, 0);
}

/* ---- cuts and flips: refused, or other evidence than was judged ---- */
static void test_cuts_and_flips(void **state) {
    (void)state;
    static const char before[] =
        "{\"collateral\":{\"crl\":\"AAAA\",\"rims\":[\"<a/>\",\"<b/>\"]},"
        "\"gpu\":[{\"chain\":\"PEM\",\"report\":\"BBBB\"}],\"quote\":\"CC\"}";
    static const char now[] = "{\"collateral\":{\"crl\":\"AAAB\",\"rims\":[\"<a/>\",\"<c/>\"]},"
                              "\"gpu\":[{\"chain\":\"PEM\",\"report\":\"DDDD\"}],\"quote\":\"EE\"}";
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1024);
    SW_SCOPED(sw_buffer) back = SW_BUFFER(1024);
    size_t refused = 0, other = 0;
    assert_int_equal(sw_manifest_shorten(sw_text(before), sw_text(now), &made, NULL), SW_OK);
    for (size_t cut = 0; cut < made.size; cut++)
        assert_int_not_equal(
            sw_manifest_restore(sw_text(before), SW_BYTES(made.data, cut), &back, NULL), SW_OK);
    for (size_t bit = 0; bit < 8 * made.size; bit++) {
        sw_buffer_reset(&back);
        made.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_manifest_restore(sw_text(before), sw_buffer_bytes(&made), &back, NULL) != SW_OK)
            refused++;
        else if (sw_bytes_is(sw_buffer_bytes(&back), now))
            fail_msg("bit %zu flipped, and the same evidence", bit);
        else
            other++; /* whose digest is not the receipt's */
        made.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    printf("# %zu flips refused, %zu give other evidence\n", refused, other);
    assert_true(refused > 0 && other > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cuts_and_flips),
    };
    return cmocka_run_group_tests_name("shortened evidence", tests, NULL, NULL);
}

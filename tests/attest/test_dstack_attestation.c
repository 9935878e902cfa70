/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's attestation in SCALE V0, of our own making: to bytes and back, every cut, every flipped
 * bit, what is refused and why, and the simulator.
 */
#include "attest/dstack_support.h"

static const uint8_t report[64] = {1, 2, 3, 64};

static sw_bytes encoded(sw_arena *a, const sw_dstack_attestation *t) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    sw_error err = {0};
    if (sw_dstack_attestation_encode(t, &out, &err) != SW_OK) fail_msg("%s", err.message);
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

static sw_bytes good(sw_arena *a) {
    sw_dstack_attestation t = make_attestation(a, report, made_boot, COUNT(made_boot));
    return encoded(a, &t);
}

static void refused(sw_bytes in, sw_status status, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation t, before;
    sw_error err = {0};
    memset(&t, 0xa5, sizeof t);
    memcpy(&before, &t, sizeof t);
    sw_status got = sw_dstack_attestation_parse(&a, in, &t, &err);
    if (got != status || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not %d \"%s\"", got, err.message, status, sentence);
    assert_memory_equal(&t, &before, sizeof t);
}

static void test_round_trip(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation made = make_attestation(&a, report, made_boot, COUNT(made_boot)), read;
    sw_bytes bytes = encoded(&a, &made);
    sw_error err = {0};
    if (sw_dstack_attestation_parse(&a, bytes, &read, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(read.version, 0);
    assert_true(same_attestation(&made, &read));
    assert_true(sw_bytes_equal(encoded(&a, &read), bytes));
    assert_int_equal(read.log.count, 10);
    assert_int_equal(read.runtime_count, 7);
    write_seed("dstack_attestation", "v0", bytes);
}

/* Digests that are written stay written. */
static void test_filled_digests(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation made = make_attestation(&a, report, made_boot, COUNT(made_boot)), read;
    sw_log_event *events = (sw_log_event *)made.log.events;
    for (size_t i = 3; i < made.log.count; i++) {
        assert_int_equal(sw_event_digest(&made.runtime[i - 3], events[i].digest, NULL), SW_OK);
        events[i].has_digest = true;
    }
    sw_bytes bytes = encoded(&a, &made);
    assert_int_equal(sw_dstack_attestation_parse(&a, bytes, &read, NULL), SW_OK);
    assert_true(same_attestation(&made, &read));
    events[5].digest[0] ^= 1;
    refused(encoded(&a, &made), SW_REFUSED, "event 5: an event's digest is not that of its name");
    events[5].digest[0] ^= 1;
    events[1].has_digest = false;
    refused(encoded(&a, &made), SW_REFUSED, "event 1: an event of RTMR0 has no digest");
}

/* The widths of a compact length: 6, 14 and 30 bits. */
static void test_lengths(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 16383, 16384, 16385, 65535, 262144};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) config = SW_BUFFER(MADE_MAX);
        sw_dstack_attestation made = make_attestation(&a, report, made_boot, 2), read;
        put_count(&config, sizes[i], 'x');
        made.config = sw_buffer_bytes(&config);
        sw_bytes bytes = encoded(&a, &made);
        assert_int_equal(sw_dstack_attestation_parse(&a, bytes, &read, NULL), SW_OK);
        assert_int_equal(read.config.size, sizes[i]);
        assert_true(sw_bytes_equal(encoded(&a, &read), bytes));
    }
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) config = SW_BUFFER(MADE_MAX);
    sw_dstack_attestation made = make_attestation(&a, report, made_boot, 2);
    put_count(&config, SW_DSTACK_CONFIG_LIMIT + 1, 'x');
    made.config = sw_buffer_bytes(&config);
    refused(encoded(&a, &made), SW_LIMIT, "config has more than 262144 bytes");
}

static void test_cuts(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = good(&a);
    for (size_t cut = 0; cut < bytes.size; cut++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_attestation t;
        assert_int_not_equal(sw_dstack_attestation_parse(&b, SW_BYTES(bytes.data, cut), &t, NULL),
                             SW_OK);
    }
    SW_SCOPED(sw_buffer) longer = SW_BUFFER(MADE_MAX);
    sw_put_bytes(&longer, bytes);
    sw_put_u8(&longer, 0);
    refused(sw_buffer_bytes(&longer), SW_MALFORMED, "1 bytes stand behind the attestation");
}

/* A flip is refused, or every bit of it is in what is read: encoded again it is the flipped input.
 * So no flip passes unseen. */
static void test_flips(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = good(&a);
    uint8_t *work = (uint8_t *)bytes.data;
    size_t seen = 0, refusals = 0;
    sw_dstack_attestation original;
    SW_SCOPED(sw_arena) o = {0};
    assert_int_equal(sw_dstack_attestation_parse(&o, sw_arena_copy(&o, bytes), &original, NULL),
                     SW_OK);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_attestation t;
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_dstack_attestation_parse(&b, bytes, &t, NULL) == SW_OK) {
            assert_true(sw_bytes_equal(encoded(&b, &t), bytes));
            assert_false(same_attestation(&t, &original));
            seen++;
        } else {
            refusals++;
        }
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    print_message("# %zu flips refused, %zu seen in what was read\n", refusals, seen);
    assert_true(refusals > 0 && seen > 0);
}

/* ---- refusals: bytes put in place of others ---- */
static sw_bytes replaced(sw_arena *a, sw_bytes in, size_t at, size_t drop, const char *hex) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    sw_put_bytes(&out, SW_BYTES(in.data, at));
    sw_put_bytes(&out, unhex(a, hex));
    sw_put_bytes(&out, SW_BYTES(in.data + at + drop, in.size - at - drop));
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

static void test_refusals(void **state) {
    (void)state;
    enum { QUOTE_SIZE = 1263, EVENTS_AT = 4 + QUOTE_SIZE }; /* behind 00 00 and a length of two */
    static const struct {
        size_t at, drop;
        const char *hex;
        sw_status status;
        const char *sentence;
    } cases[] = {
        {0, 1, "01", SW_REFUSED, "begins with 0x01, which is no form"},
        {0, 1, "7f", SW_REFUSED, "begins with 0x7f"},
        {0, 1, "ff", SW_REFUSED, "begins with 0xff"},
        {1, 1, "01", SW_REFUSED, "is of dstack-gcp-tdx, and only dstack-tdx"},
        {1, 1, "02", SW_REFUSED, "is of dstack-nitro-enclave"},
        {1, 1, "03", SW_REFUSED, "is of dstack-amd-sev-snp"},
        {1, 1, "04", SW_REFUSED, "is of dstack-aws-nitro-tpm"},
        {1, 1, "05", SW_REFUSED, "platform 5, which dstack does not have"},
        {2, 2, "03", SW_MALFORMED, "quote has no length in its shortest form (offset 2)"},
        {2, 2, "be130000", SW_MALFORMED, "quote has no length in its shortest form"},
        {2, 2, "06000200", SW_LIMIT, "quote has more than 32768 bytes"},
        {2, 2, "fd7f", SW_MALFORMED, "ends inside its quote"},
        {4, 2, "0600", SW_REFUSED, "quote is of version 6"},
        {4, 2, "0300", SW_REFUSED, "quote is of version 3"},
        {EVENTS_AT, 1, "2900", SW_MALFORMED, "number of events has not its shortest form"},
        {EVENTS_AT, 1, "03", SW_MALFORMED, "number of events has not its shortest form"},
        {EVENTS_AT, 1, "feff0300", SW_LIMIT, "more than 4096 events"},
        {EVENTS_AT, 1, "fd3f", SW_MALFORMED, "ends inside its events"},
        {EVENTS_AT + 1, 1, "04", SW_REFUSED, "event 0: an event is of a register beyond RTMR3"},
        {EVENTS_AT + 1, 1, "03", SW_REFUSED, "event 0: an event of RTMR3 is of type 0xa"},
        {EVENTS_AT + 5, 4, "01000008", SW_REFUSED,
         "event 0: an event of RTMR0 is of type 0x8000001"},
        {EVENTS_AT + 9, 1, "c400", SW_LIMIT, "event digest has more than 48 bytes"},
        {EVENTS_AT + 9, 49, "0410", SW_MALFORMED, "digest has 1 bytes, neither 0 nor 48"},
        {EVENTS_AT + 58, 1, "0502", SW_LIMIT, "event name has more than 128 bytes"},
        {EVENTS_AT + 59, 1, "ff", SW_MALFORMED, "event name is not UTF-8"},
        {EVENTS_AT + 59, 1, "3a", SW_REFUSED, "event 0: an event's name holds a colon"},
        {EVENTS_AT + 70, 1, "02000400", SW_MALFORMED, "ends inside its event payload"},
        {EVENTS_AT + 70, 1, "02000500", SW_LIMIT, "event payload has more than 65536 bytes"},
    };
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = good(&a);
    assert_int_equal(bytes.data[EVENTS_AT], 10 << 2);
    for (size_t i = 0; i < COUNT(cases); i++)
        refused(replaced(&a, bytes, cases[i].at, cases[i].drop, cases[i].hex), cases[i].status,
                cases[i].sentence);
    refused((sw_bytes){0}, SW_MALFORMED, "the attestation is empty");
    uint8_t *huge = sw_arena_alloc(&a, SW_DSTACK_ATTESTATION_LIMIT + 1, 1);
    refused(SW_BYTES(huge, SW_DSTACK_ATTESTATION_LIMIT + 1), SW_LIMIT, "more than 10485760 bytes");
}

/* What is said twice. */
static void test_contradictions(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation t = make_attestation(&a, report, made_boot, COUNT(made_boot));
    sw_bytes bytes = encoded(&a, &t);
    /* the second "system-ready" is the runtime list's */
    uint8_t *copy = (uint8_t *)sw_arena_copy(&a, bytes).data;
    uint8_t *hit = memmem(copy, bytes.size, "system-ready", 12);
    hit = memmem(hit + 1, bytes.size - (size_t)(hit + 1 - copy), "system-ready", 12);
    assert_non_null(hit);
    hit[0] = 'x';
    refused(SW_BYTES(copy, bytes.size), SW_REFUSED,
            "runtime events are not those of its event log");
    copy = (uint8_t *)sw_arena_copy(&a, bytes).data;
    hit = memmem(copy + 700, bytes.size - 700, report, sizeof report);
    assert_non_null(hit);
    hit[0] ^= 1;
    refused(SW_BYTES(copy, bytes.size), SW_REFUSED, "report data are not its quote's");

    sw_error err = {0};
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    t.runtime_count--;
    assert_int_equal(sw_dstack_attestation_encode(&t, &out, &err), SW_REFUSED);
    t.runtime_count++;
    t.log.count--;
    assert_int_equal(sw_dstack_attestation_encode(&t, &out, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "more runtime events than its event log"));
    t.log.count++;
    t.pod = true;
    assert_int_equal(sw_dstack_attestation_encode(&t, &out, &err), SW_USAGE);
    t.pod = false;
    ((sw_log_event *)t.log.events)[4].v2 = true;
    assert_int_equal(sw_dstack_attestation_encode(&t, &out, &err), SW_USAGE);
    assert_int_equal(out.size, 0);
}

/* The simulator's app ids and its authority as key provider, before and behind system-ready. */
static void test_simulator(void **state) {
    (void)state;
    static const char authority[] =
        "{\"name\":\"kms\",\"id\":"
        "\"3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9"
        "b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583bd1f70769e9c116df2"
        "bcfb1758a95d8613e7de1c8482c0\"}";
    char hex[2 * sizeof authority];
    sw_hex_text(hex, sw_text(authority));
    const struct {
        made_event event;
        const char *sentence;
    } cases[] = {
        {{"app-id", "5bb4ff9a3837357f19dc176407a5709c62eb6c56", false}, "app id is that of dstack"},
        {{"app-id", "ea549f02e1a25fabd1cb788380e033ec5461b2ff", false}, "app id is that of dstack"},
        {{"key-provider", hex, false},
         "certificate authority is that of dstack's public simulator"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t at = 0; at <= 2; at += 2) {
            SW_SCOPED(sw_arena) a = {0};
            made_event events[] = {made_boot[0], made_boot[6], made_boot[0]};
            events[at] = cases[i].event;
            sw_dstack_attestation t = make_attestation(&a, report, events, 3), read;
            sw_bytes bytes = encoded(&a, &t);
            refused(bytes, SW_REFUSED, cases[i].sentence);
            assert_int_equal(sw_dstack_attestation_decode(&a, bytes, &read, NULL), SW_OK);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_filled_digests),
        cmocka_unit_test(test_lengths),        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_flips),          cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_contradictions), cmocka_unit_test(test_simulator),
    };
    return cmocka_run_group_tests_name("dstack attestation", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's attestation of version 1 and its app info, as msgpack for Python writes them
 * (golden_dstack.py): bytes as bin and as arrays, digests of version 2, a pod; every cut, every
 * flipped bit, what is refused and why.
 */
#include "attest/dstack_support.h"
#include "attest/golden_dstack.h"

static const uint8_t report[64] = {1, 2, 3, 64};

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

static sw_dstack_attestation read_good(sw_arena *a, sw_bytes in) {
    sw_dstack_attestation t;
    sw_error err = {0};
    if (sw_dstack_attestation_parse(a, in, &t, &err) != SW_OK) fail_msg("%s", err.message);
    assert_int_equal(t.version, 1);
    return t;
}

static void test_golden(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation made = make_attestation(&a, report, made_boot, COUNT(made_boot)), read;
    sw_bytes arrays = unhex(&a, V1_ARRAYS), bins = unhex(&a, V1_BINS);
    assert_true(arrays.size > bins.size);
    read = read_good(&a, arrays);
    assert_true(same_attestation(&made, &read));
    read = read_good(&a, bins);
    assert_true(same_attestation(&made, &read));
    /* and as V0 */
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&read, &v0, NULL), SW_OK);
    assert_int_equal(sw_dstack_attestation_parse(&a, sw_buffer_bytes(&v0), &read, NULL), SW_OK);
    assert_int_equal(read.version, 0);
    assert_true(same_attestation(&made, &read));
    write_seed("dstack_attestation", "v1-arrays", arrays);
    write_seed("dstack_attestation", "v1-bins", bins);
}

static void test_version_2_digests(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    made_event boot[COUNT(made_boot)];
    memcpy(boot, made_boot, sizeof boot);
    for (size_t i = 0; i < COUNT(boot); i++) boot[i].v2 = true;
    sw_dstack_attestation made = make_attestation(&a, report, boot, COUNT(boot)), read;
    sw_log_event *events = (sw_log_event *)made.log.events;
    for (size_t i = 3; i < made.log.count; i++) {
        assert_int_equal(sw_event_digest(&made.runtime[i - 3], events[i].digest, NULL), SW_OK);
        events[i].has_digest = true;
    }
    read = read_good(&a, unhex(&a, V1_DIGESTS_2));
    assert_true(same_attestation(&made, &read));
    SW_SCOPED(sw_buffer) v0 = SW_BUFFER(MADE_MAX);
    assert_int_equal(sw_dstack_attestation_encode(&read, &v0, NULL), SW_USAGE);
    write_seed("dstack_attestation", "v1-digests-2", unhex(&a, V1_DIGESTS_2));
}

static void test_pod(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = unhex(&a, V1_POD);
    sw_dstack_attestation read = read_good(&a, bytes);
    assert_true(read.pod);
    assert_true(sw_bytes_is(read.pod_payload, "a payload of a pod"));
    uint8_t *hit = memmem(bytes.data, bytes.size, "a payload of", 12);
    hit[0] = 'b';
    refused(bytes, SW_REFUSED, "report data are not those of its pod's payload");
    write_seed("dstack_attestation", "v1-pod", unhex(&a, V1_POD));
}

static void check_cuts(const char *hex) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = unhex(&a, hex);
    for (size_t cut = 0; cut < bytes.size; cut++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_attestation t;
        assert_int_not_equal(sw_dstack_attestation_parse(&b, SW_BYTES(bytes.data, cut), &t, NULL),
                             SW_OK);
    }
    SW_SCOPED(sw_buffer) longer = SW_BUFFER(MADE_MAX);
    sw_put_bytes(&longer, bytes);
    sw_put_u8(&longer, 0xc0);
    refused(sw_buffer_bytes(&longer), SW_MALFORMED, "1 bytes stand behind the attestation");
}

static void test_cuts(void **state) {
    (void)state;
    check_cuts(V1_ARRAYS);
    check_cuts(V1_BINS);
    check_cuts(V1_DIGESTS_2);
    check_cuts(V1_POD);
}

/* Each flip is refused or changes what is read. */
static void check_flips(const char *hex) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = unhex(&a, hex);
    uint8_t *work = (uint8_t *)bytes.data;
    size_t seen = 0, refusals = 0;
    sw_dstack_attestation original = read_good(&a, sw_arena_copy(&a, bytes));
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_attestation t;
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (sw_dstack_attestation_parse(&b, bytes, &t, NULL) == SW_OK) {
            if (same_attestation(&t, &original)) fail_msg("bit %zu is seen nowhere", bit);
            seen++;
        } else {
            refusals++;
        }
        work[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    print_message("# %zu flips refused, %zu seen in what was read\n", refusals, seen);
    assert_true(refusals > 0 && seen > 0);
}

static void test_flips(void **state) {
    (void)state;
    check_flips(V1_ARRAYS);
    check_flips(V1_BINS);
    check_flips(V1_DIGESTS_2);
    check_flips(V1_POD);
}

/* The first occurrence of one hex text replaced by another, at whole bytes. */
static sw_bytes swapped(sw_arena *a, const char *hex, const char *old, const char *new) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    sw_bytes bytes = unhex(a, hex), from = unhex(a, old);
    const uint8_t *hit = memmem(bytes.data, bytes.size, from.data, from.size);
    if (hit == NULL) fail_msg("no %s to replace", old);
    sw_put_bytes(&out, SW_BYTES(bytes.data, (size_t)(hit - bytes.data)));
    sw_put_bytes(&out, unhex(a, new));
    hit += from.size;
    sw_put_bytes(&out, SW_BYTES(hit, bytes.size - (size_t)(hit - bytes.data)));
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

#define VERSION   "a776657273696f6e"
#define PLATFORM  "a8706c6174666f726d"
#define KIND      "a46b696e64"
#define DATA      "a464617461"
#define QUOTE     "a571756f7465"
#define EVENT_LOG "a96576656e745f6c6f67"
#define IMR       "a3696d72"
#define DIGEST    "a6646967657374"
#define EVENT     "a56576656e74"
#define PAYLOAD   "ad6576656e745f7061796c6f6164"
#define REPORT    "ab7265706f72745f64617461"
#define RUNTIME   "ae72756e74696d655f6576656e7473"
#define CONFIG    "a6636f6e666967"
#define TDX       "a3746478"

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *golden, *old, *new;
        sw_status status;
        const char *sentence;
    } cases[] = {
        {V1_BINS, VERSION "01", VERSION "02", SW_REFUSED, "version is not 1"},
        {V1_BINS, VERSION "01", VERSION "cc01", SW_REFUSED, "version is not 1"},
        {V1_BINS, VERSION "01", VERSION "a131", SW_REFUSED, "version is not 1"},
        {V1_BINS, VERSION "01", "a776657273696f6f01", SW_MALFORMED,
         "whole has a member that is not"},
        {V1_BINS, "83" VERSION "01", "82", SW_MALFORMED, "whole has no version"},
        {V1_BINS, "83" VERSION "01", "84" VERSION "01" VERSION "01", SW_MALFORMED,
         "whole has the member version twice"},
        {V1_BINS, "83" VERSION,
         "83d907"
         "76657273696f6e",
         SW_MALFORMED, "member's name is not of"},
        {V1_BINS, PLATFORM "82", PLATFORM "81", SW_MALFORMED, "platform is not of its form"},
        {V1_BINS, PLATFORM "82", PLATFORM "92", SW_MALFORMED, "platform is not of its form"},
        {V1_BINS, KIND TDX, DATA TDX, SW_MALFORMED, "platform has no kind before its data"},
        {V1_BINS, KIND TDX DATA, KIND TDX KIND, SW_MALFORMED, "platform has the member kind twice"},
        {V1_BINS, TDX,
         "a7736576"
         "2d736e70",
         SW_REFUSED, "is of sev-snp, and only tdx"},
        {V1_BINS, TDX, "a76763702d746478", SW_REFUSED, "is of gcp-tdx, and only tdx"},
        {V1_BINS, TDX, "ad6e6974726f2d656e636c617665", SW_REFUSED, "is of nitro-enclave"},
        {V1_BINS, TDX, "ad6177732d6e6974726f2d74706d", SW_REFUSED, "is of aws-nitro-tpm"},
        {V1_BINS, TDX, "a3746479", SW_REFUSED, "a platform that dstack does not have"},
        {V1_BINS, "a664737461636b", "a664737461636c", SW_REFUSED, "neither dstack nor dstack-pod"},
        {V1_BINS, QUOTE "c504ef", QUOTE "c6000004ef", SW_MALFORMED, "quote is not of its form"},
        {V1_BINS, QUOTE "c504ef", QUOTE "c58001", SW_LIMIT, "quote has more than 32768 bytes"},
        {V1_BINS, QUOTE "c504ef", QUOTE "c57fff", SW_MALFORMED, "quote is not of its form"},
        {V1_BINS, QUOTE "c504ef", QUOTE "da04ef", SW_MALFORMED, "quote is not of its form"},
        {V1_ARRAYS, QUOTE "dc04ef", QUOTE "dd000004ef", SW_MALFORMED, "quote is not of its form"},
        {V1_ARRAYS, QUOTE "dc04ef04", QUOTE "dc04efcc04", SW_MALFORMED, "quote is not of its form"},
        {V1_ARRAYS, QUOTE "dc04ef04", QUOTE "dc04efcd0100", SW_MALFORMED,
         "quote is not of its form"},
        {V1_ARRAYS, QUOTE "dc04ef04", QUOTE "dc04efff", SW_MALFORMED, "quote is not of its form"},
        {V1_ARRAYS, QUOTE "dc04ef04", QUOTE "ddffffffff04", SW_MALFORMED,
         "quote is not of its form"},
        {V1_BINS, EVENT_LOG "9a", EVENT_LOG "dc000a", SW_MALFORMED, "event log is not of its form"},
        {V1_BINS, EVENT_LOG "9a", EVENT_LOG "8a", SW_MALFORMED, "event log is not of its form"},
        {V1_BINS, EVENT_LOG "9a", EVENT_LOG "dc1001", SW_LIMIT, "more than 4096 events"},
        {V1_BINS, EVENT_LOG "9a", EVENT_LOG "dc1000", SW_MALFORMED, "ends inside its events"},
        {V1_BINS, IMR "00", IMR "04", SW_REFUSED, "a register beyond RTMR3"},
        {V1_BINS, IMR "00", IMR "03", SW_REFUSED, "an event of RTMR3 is of type 0xa"},
        {V1_BINS, IMR "00", IMR "c0", SW_MALFORMED, "event is not of its form"},
        {V1_BINS, "85" IMR "00", "84", SW_MALFORMED, "event has no imr"},
        {V1_BINS, "85" IMR "00", "86" IMR "00a776657273696f6e02", SW_MALFORMED,
         "an event of RTMR0 has version 2"},
        {V1_BINS, "85" IMR "00", "86" IMR "00a776657273696f6e01", SW_MALFORMED,
         "version is neither left out, nil nor 2"},
        {V1_BINS, "85" IMR "00", "86" IMR "00a776657273696f6ec0", SW_OK, ""}, /* nil: none */
        {V1_BINS, "85" IMR "00", "86" IMR "00a8707265696d616765a0", SW_MALFORMED,
         "an event that is not of version 2 has a preimage"},
        {V1_BINS, "85" IMR "03", "86" IMR "03a8707265696d616765a0", SW_MALFORMED,
         "an event that is not of version 2 has a preimage"},
        {V1_BINS, "85" IMR "03", "86" IMR "03a776657273696f6e02", SW_REFUSED,
         "runtime events are not those of its event log"},
        {V1_DIGESTS_2, "a8707265696d616765d97237", "a8707265696d616765d97258", SW_MALFORMED, "hex"},
        {V1_DIGESTS_2, "a8707265696d616765d9723762", "a8707265696d616765d9723763", SW_REFUSED,
         "preimage is not that of its name and payload"},
        {V1_BINS, DIGEST "c430", DIGEST "c431", SW_LIMIT, "event digest has more than 48 bytes"},
        {V1_BINS, DIGEST "c400", DIGEST "90", SW_OK, ""},
        {V1_BINS, DIGEST "c400", DIGEST "9101", SW_MALFORMED,
         "digest has 1 bytes, neither 0 nor 48"},
        {V1_BINS, EVENT "ab", EVENT "d90b", SW_MALFORMED, "event name is not of its form"},
        {V1_BINS, EVENT "ab61", EVENT "abff", SW_MALFORMED, "event name is not of its form"},
        {V1_BINS, EVENT "ab61", EVENT "ab3a", SW_REFUSED, "an event's name holds a colon"},
        {V1_BINS, EVENT "ab61", EVENT "da010061", SW_LIMIT, "event name has more than 128 bytes"},
        {V1_BINS, PAYLOAD "c409", PAYLOAD "c50009", SW_MALFORMED,
         "event payload is not of its form"},
        {V1_BINS, PAYLOAD "c409", PAYLOAD "c600010001", SW_LIMIT, "more than 65536 bytes"},
        {V1_BINS, REPORT "c440", REPORT "c43f", SW_MALFORMED, "report data has 63 bytes, not 64"},
        {V1_BINS, REPORT "c440", REPORT "c441", SW_LIMIT, "report data has more than 64 bytes"},
        {V1_BINS, REPORT "c44001", REPORT "c44002", SW_REFUSED, "report data are not its quote's"},
        {V1_BINS, RUNTIME "97", RUNTIME "c0", SW_MALFORMED, "runtime events is not of its form"},
        {V1_BINS, CONFIG "b2", CONFIG "c412", SW_MALFORMED, "config is not of its form"},
        {V1_BINS, CONFIG "b2", CONFIG "db00040001", SW_LIMIT, "config has more than 262144 bytes"},
        {V1_POD, "aa64737461636b2d706f64", "a664737461636b", SW_MALFORMED,
         "stack data has a member that is not known"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_bytes bent = swapped(&a, cases[i].golden, cases[i].old, cases[i].new);
        if (cases[i].status == SW_OK)
            (void)read_good(&a, bent);
        else
            refused(bent, cases[i].status, cases[i].sentence);
    }
}

/* Members in another order say the same; so does a map's count in a wider form (DSK-021). */
static void test_other_forms(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_attestation made = make_attestation(&a, report, made_boot, COUNT(made_boot)), read;
    read = read_good(&a, swapped(&a, V1_BINS, "83" VERSION "01", "de0003" VERSION "01"));
    assert_true(same_attestation(&made, &read));
    read = read_good(&a, swapped(&a, V1_BINS, "83" VERSION "01", "df00000003" VERSION "01"));
    assert_true(same_attestation(&made, &read));
    read = read_good(&a, swapped(&a, V1_BINS, IMR "00aa6576656e745f747970650a",
                                 "aa6576656e745f747970650a" IMR "00"));
    assert_true(same_attestation(&made, &read));
}

/* ---- app info ---- */
static void check_info(const char *hex, bool has_scripts, size_t scripts) {
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes bytes = unhex(&a, hex);
    sw_dstack_app_info info;
    sw_error err = {0};
    if (sw_dstack_app_info_decode(&a, bytes, &info, &err) != SW_OK) fail_msg("%s", err.message);
    assert_hex(info.app_id, 20, MADE_APP);
    assert_hex(info.compose.b, 32, MADE_COMPOSE);
    assert_int_equal(info.instance_id.size, 20);
    assert_int_equal(info.device_id.data[0], 2);
    assert_int_equal(info.mr_system.b[31], 3);
    assert_int_equal(info.mr_aggregated.b[0], 4);
    assert_int_equal(info.os_image_hash.data[0], 5);
    assert_true(sw_bytes_is(info.key_provider, "{\"name\":\"kms\"}"));
    assert_int_equal(info.has_init_scripts, has_scripts);
    assert_int_equal(info.init_script_count, scripts);
    if (scripts == 2) assert_int_equal(info.init_scripts[1].b[0], 7);
    for (size_t cut = 0; cut < bytes.size; cut++)
        assert_int_not_equal(sw_dstack_app_info_decode(&a, SW_BYTES(bytes.data, cut), &info, NULL),
                             SW_OK);
    write_seed("dstack_attestation", has_scripts ? "app-info-9" : "app-info", bytes);
}

static void test_app_info(void **state) {
    (void)state;
    check_info(APP_INFO_8, false, 0);
    check_info(APP_INFO_NIL, false, 0);
    check_info(APP_INFO_9, true, 2);
    static const struct {
        const char *old, *new, *sentence;
    } cases[] = {
        {"99", "9a", "not a list of 8 or 9"},
        {"99", "97", "not a list of 8 or 9"},
        {"99", "89", "not a list of 8 or 9"},
        {"99", "98", "stand behind the app info"},
        {"99c414a1", "99c413", "app id has 19 bytes, not 20"},
        {"99c414a1", "99c415a0a1", "app id has more than 20 bytes"},
        {"92c420", "96c420", "list of init scripts is not of its form"},
        {"92c420", "92c41f", "init script's hash has 31 bytes"},
        {"92c420", "82c420", "list of init scripts is not of its form"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_dstack_app_info info;
        sw_error err = {0};
        sw_bytes bent = swapped(&a, APP_INFO_9, cases[i].old, cases[i].new);
        assert_int_not_equal(sw_dstack_app_info_decode(&a, bent, &info, &err), SW_OK);
        if (strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].sentence, err.message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_version_2_digests),
        cmocka_unit_test(test_pod),         cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_flips),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_forms), cmocka_unit_test(test_app_info),
    };
    return cmocka_run_group_tests_name("dstack msgpack", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Info and GetQuote as guest agents of several releases shape them, of our own making: strings that
 * hold JSON, members that are missing, empty, said twice or not known, and what is refused and why.
 */
#include "attest/dstack_support.h"

#define ZEROS32      "0000000000000000000000000000000000000000000000000000000000000000"
#define REG(c)       c c c c c c c c c c c c /* 48 bytes from four */
#define COMPOSE_TEXT "{\"name\":\"made\"}"
#define EVENT(name, payload)                                                                       \
    "{\"imr\":3,\"event_type\":134217729,\"digest\":\"\",\"event\":\"" name                        \
    "\",\"event_payload\":\"" payload "\"}"
#define LOG "[" EVENT("app-id", MADE_APP) "," EVENT("system-ready", "") "]"

/* ---- Info ---- */
typedef struct info_parts {
    const char *head, *tcb; /* members of Info, of tcb_info */
    bool as_text;           /* tcb_info as a string that holds JSON */
} info_parts;

static sw_bytes make_info(sw_arena *a, info_parts parts) {
    SW_SCOPED(sw_buffer) tcb = SW_BUFFER(MADE_MAX);
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    sw_put_format(&out, "{%s", parts.head);
    if (parts.tcb != NULL) {
        sw_put_format(&tcb, "{%s}", parts.tcb);
        sw_put_text(&out, parts.head[0] == 0 ? "\"tcb_info\":" : ",\"tcb_info\":");
        if (parts.as_text) {
            sw_json *text = sw_json_make(a, SW_JSON_STRING);
            text->text = sw_buffer_bytes(&tcb);
            sw_json_encode(&out, text);
        } else {
            sw_put_bytes(&out, sw_buffer_bytes(&tcb));
        }
    }
    sw_put_text(&out, "}");
    assert_false(out.failed);
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

#define HEAD "\"app_id\":\"" MADE_APP "\",\"compose_hash\":\"" MADE_COMPOSE "\""
#define TCB                                                                                        \
    "\"mrtd\":\"" REG("00000001") "\",\"rtmr0\":\"" REG("00000002") "\",\"rtmr1\":\"" REG(         \
        "00000003") "\",\"rtmr2\":\"" REG("00000004") "\",\"rtmr3\":\"" REG("00000005") "\","      \
                                                                                        "\"event_" \
                                                                                        "log\""    \
                                                                                        ":" LOG    \
                                                                                        ",\"app_"  \
                                                                                        "compose"  \
                                                                                        "\":\"{"   \
                                                                                        "\\\"name" \
                                                                                        "\\\":"    \
                                                                                        "\\\"made" \
                                                                                        "\\\"}\""

static void check_info(sw_bytes json) {
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_info info;
    sw_error err = {0};
    if (sw_dstack_info_parse(&a, json, &info, &err) != SW_OK) fail_msg("%s", err.message);
    assert_hex(info.app_id, 20, MADE_APP);
    assert_hex(info.compose.b, 32, MADE_COMPOSE);
    assert_true(info.has_registers);
    assert_hex(info.mrtd, 48, REG("00000001"));
    assert_hex(info.rtmr[3], 48, REG("00000005"));
    assert_int_equal(info.log.count, 2);
    assert_true(sw_bytes_is(info.app_compose, COMPOSE_TEXT));
    assert_true(info.has_mr_aggregated);
    assert_false(info.has_device);
    assert_false(info.has_instance_id);
    assert_true(sw_bytes_is(info.vm_config, "{}"));
}

static void test_info(void **state) {
    (void)state;
    static const char beside[] =
        HEAD ",\"instance_id\":\"\",\"device_id\":null,\"vm_config\":\"{}\","
             "\"mr_aggregated\":\"" ZEROS32 "\",\"new_member\":[1,{}]";
    static const char inside[] = TCB ",\"compose_hash\":\"" MADE_COMPOSE "\",\"mr_aggregated\":"
                                     "\"" ZEROS32 "\",\"other\":true";
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes text = make_info(&a, (info_parts){beside, inside, true});
    check_info(text);
    check_info(make_info(&a, (info_parts){beside, inside, false}));
    write_seed("dstack_answer", "info-text", text);
    write_seed("dstack_answer", "info-object", make_info(&a, (info_parts){beside, inside, false}));
}

/* An agent that withholds tcb_info, and one that says compose_hash inside it alone. */
static void test_info_sparse(void **state) {
    (void)state;
    static const char *const heads[] = {HEAD, HEAD ",\"tcb_info\":\"\"", HEAD ",\"tcb_info\":null"};
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_info info;
    sw_error err = {0};
    for (size_t i = 0; i < COUNT(heads); i++) {
        sw_bytes json = make_info(&a, (info_parts){heads[i], NULL, false});
        if (sw_dstack_info_parse(&a, json, &info, &err) != SW_OK) fail_msg("%s", err.message);
        assert_false(info.has_registers);
        assert_int_equal(info.log.count, 0);
        assert_int_equal(info.app_compose.size, 0);
        assert_int_equal(sw_dstack_info_compose_check(&info, &err), SW_MISSING);
    }
    sw_bytes json = make_info(&a, (info_parts){"\"app_id\":\"" MADE_APP "\"",
                                               "\"compose_hash\":\"" MADE_COMPOSE "\"", true});
    assert_int_equal(sw_dstack_info_parse(&a, json, &info, &err), SW_OK);
    assert_hex(info.compose.b, 32, MADE_COMPOSE);
}

static void test_compose(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) head = SW_BUFFER(4096);
    sw_dstack_info info;
    sw_error err = {0};
    sw_hash hash;
    char hex[65];
    sw_sha256(&hash, SW_LITERAL(COMPOSE_TEXT));
    sw_hex_text(hex, SW_BYTES_OF(hash.b));
    sw_put_format(&head, "\"app_id\":\"" MADE_APP "\",\"compose_hash\":\"%s\"", hex);
    sw_put_u8(&head, 0);
    sw_bytes json = make_info(&a, (info_parts){(const char *)head.data, TCB, true});
    assert_int_equal(sw_dstack_info_parse(&a, json, &info, &err), SW_OK);
    assert_int_equal(sw_dstack_info_compose_check(&info, &err), SW_OK);
    json = make_info(&a, (info_parts){HEAD, TCB, true});
    assert_int_equal(sw_dstack_info_parse(&a, json, &info, &err), SW_OK);
    assert_int_equal(sw_dstack_info_compose_check(&info, &err), SW_REFUSED);
}

static void info_refused(sw_bytes json, const char *sentence) {
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_info info, before;
    sw_error err = {0};
    memset(&info, 0xa5, sizeof info);
    memcpy(&before, &info, sizeof info);
    sw_status status = sw_dstack_info_parse(&a, json, &info, &err);
    if (status == SW_OK || strstr(err.message, sentence) == NULL)
        fail_msg("%d \"%s\", not \"%s\"", status, err.message, sentence);
    assert_memory_equal(&info, &before, sizeof info);
}

static void test_info_refused(void **state) {
    (void)state;
    static const struct {
        const char *head, *tcb, *sentence;
    } cases[] = {
        {"", NULL, "Info has no app_id"},
        {"\"app_id\":\"\"", NULL, "Info has no app_id"},
        {"\"app_id\":\"" MADE_APP "\"", NULL, "Info has no compose_hash"},
        {"\"app_id\":\"" MADE_APP "00\"", NULL, "Info.app_id"},
        {"\"app_id\":\"0x" MADE_APP "\"", NULL, "Info.app_id"},
        {"\"app_id\":\"A1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4\"", NULL, "Info.app_id"},
        {"\"app_id\":7", NULL, "Info.app_id"},
        {HEAD "," HEAD, NULL, "Info: JSON byte"},
        {HEAD ",\"tcb_info\":7", NULL, "Info.tcb_info"},
        {HEAD ",\"tcb_info\":\"7\"", NULL, "Info.tcb_info is not an object"},
        {HEAD ",\"tcb_info\":\"{\"", NULL, "Info.tcb_info: JSON byte"},
        {HEAD ",\"vm_config\":{}", NULL, "Info.vm_config"},
        {HEAD, "\"compose_hash\":\"" ZEROS32 "\"",
         "Info.compose_hash is not Info.tcb_info.compose"},
        {HEAD ",\"device_id\":\"" MADE_COMPOSE "\"", "\"device_id\":\"" ZEROS32 "\"",
         "Info.device_id is not Info.tcb_info.device_id"},
        {HEAD ",\"os_image_hash\":\"" MADE_COMPOSE "\"", "\"os_image_hash\":\"" ZEROS32 "\"",
         "Info.os_image_hash is not"},
        {HEAD ",\"mr_aggregated\":\"" MADE_COMPOSE "\"", "\"mr_aggregated\":\"" ZEROS32 "\"",
         "Info.mr_aggregated is not"},
        {HEAD ",\"instance_id\":\"00\"", NULL, "Info.instance_id"},
        {HEAD, "\"mrtd\":\"" REG("00000001") "\"", "some registers and lacks rtmr0"},
        {HEAD, "\"rtmr2\":\"" REG("00000001") "\"", "some registers and lacks mrtd"},
        {HEAD, "\"event_log\":\"[]\"", "event_log is not a list"},
        {HEAD, "\"event_log\":[7]", "Info.tcb_info: event 0"},
        {HEAD, "\"event_log\":[" EVENT("a:b", "") "]", "Info.tcb_info: event 0: an event's name"},
        {HEAD, "\"event_log\":[" EVENT("app-id", "5bb4ff9a3837357f19dc176407a5709c62eb6c56") "]",
         "dstack's public simulator"},
        {"\"app_id\":\"5bb4ff9a3837357f19dc176407a5709c62eb6c56\",\"compose_hash\":\"" MADE_COMPOSE
         "\"",
         NULL, "dstack's public simulator"},
        {HEAD
         ",\"key_provider_info\":\"{\\\"id\\\":\\\"3059301306072a8648ce3d020106082a8648ce3d03010"
         "7034200"
         "0419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c00028a5b6e59dcea307d583b"
         "d1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0\\\"}\"",
         NULL, "authority is that of dstack's public simulator"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int as_text = 0; as_text < 2; as_text++) {
            SW_SCOPED(sw_arena) a = {0};
            info_refused(make_info(&a, (info_parts){cases[i].head, cases[i].tcb, as_text != 0}),
                         cases[i].sentence);
        }
    info_refused(SW_LITERAL("[]"), "Info is not an object");
    info_refused(SW_LITERAL(""), "Info: JSON byte 0");
}

/* ---- GetQuote ---- */
static const uint8_t report[64] = {1, 2, 3, 64};

static sw_bytes make_answer(sw_arena *a, const char *quote, const char *log, const char *rest) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(MADE_MAX);
    SW_SCOPED(sw_buffer) hex = SW_BUFFER(MADE_MAX);
    uint8_t rtmr3[48] = {0};
    if (quote == NULL) sw_hex_encode(&hex, make_quote(a, report, rtmr3));
    sw_put_text(&out, "{\"quote\":\"");
    if (quote == NULL)
        sw_put_bytes(&out, sw_buffer_bytes(&hex));
    else
        sw_put_text(&out, quote);
    sw_put_text(&out, "\"");
    if (log != NULL) {
        sw_json *text = sw_json_make(a, SW_JSON_STRING);
        text->text = sw_text(log);
        sw_put_text(&out, ",\"event_log\":");
        sw_json_encode(&out, text);
    }
    sw_put_format(&out, "%s}", rest);
    assert_false(out.failed);
    return sw_arena_copy(a, sw_buffer_bytes(&out));
}

#define REPORT_HEX "01020340" ZEROS32 "00000000000000000000000000000000000000000000000000000000"

static void test_quote(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_dstack_quote q;
    sw_error err = {0};
    sw_bytes json = make_answer(&a, NULL, LOG,
                                ",\"report_data\":\"" REPORT_HEX
                                "\",\"vm_config\":\"{}\",\"attestation\":\"\"");
    if (sw_dstack_quote_parse(&a, json, &q, &err) != SW_OK) fail_msg("%s", err.message);
    assert_true(q.has_report_data);
    assert_memory_equal(q.report_data, report, sizeof report);
    assert_int_equal(q.log.count, 2);
    assert_true(sw_bytes_is(q.vm_config, "{}"));
    write_seed("dstack_answer", "quote", json);
    json = make_answer(&a, NULL, "[]", "");
    if (sw_dstack_quote_parse(&a, json, &q, &err) != SW_OK) fail_msg("%s", err.message);
    assert_false(q.has_report_data);
    assert_int_equal(q.log.count, 0);
}

/* An attestation beside the quote is of that quote, or both are refused. */
static void test_quote_and_attestation(void **state) {
    (void)state;
    for (int other = 0; other < 2; other++) {
        SW_SCOPED(sw_arena) a = {0};
        SW_SCOPED(sw_buffer) bytes = SW_BUFFER(MADE_MAX);
        SW_SCOPED(sw_buffer) rest = SW_BUFFER(MADE_MAX);
        SW_SCOPED(sw_buffer) quote = SW_BUFFER(MADE_MAX);
        sw_dstack_quote q;
        sw_error err = {0};
        uint8_t asked[64];
        memcpy(asked, report, sizeof asked);
        sw_dstack_attestation t = make_attestation(&a, asked, made_boot, COUNT(made_boot));
        sw_hex_encode(&quote, t.quote);
        sw_put_u8(&quote, 0);
        asked[63] ^= (uint8_t)other;
        t = make_attestation(&a, asked, made_boot, COUNT(made_boot));
        assert_int_equal(sw_dstack_attestation_encode(&t, &bytes, NULL), SW_OK);
        sw_put_text(&rest, ",\"attestation\":\"");
        sw_hex_encode(&rest, sw_buffer_bytes(&bytes));
        sw_put_text(&rest, "\"");
        sw_put_u8(&rest, 0);
        sw_bytes json = make_answer(&a, (const char *)quote.data, LOG, (const char *)rest.data);
        sw_status status = sw_dstack_quote_parse(&a, json, &q, &err);
        if (status != (other ? SW_REFUSED : SW_OK)) fail_msg("%d %s", other, err.message);
        if (other) assert_string_equal(err.message, "GetQuote.attestation is of another quote");
    }
}

static void test_quote_refused(void **state) {
    (void)state;
    static const struct {
        const char *quote, *log, *rest, *sentence;
    } cases[] = {
        {"", LOG, "", "GetQuote holds no TDX quote"},
        {"", LOG, ",\"attestation\":\"00\"", "GetQuote holds no TDX quote"},
        {"00", LOG, "", "the quote ends inside its header"},
        {"0", LOG, "", "GetQuote.quote"},
        {"0x04", LOG, "", "GetQuote.quote"},
        {"0A", LOG, "", "GetQuote.quote"},
        {NULL, NULL, "", "GetQuote holds no event log"},
        {NULL, "", "", "GetQuote holds no event log"},
        {NULL, "{}", "", "GetQuote: the event log is not a list"},
        {NULL, "[", "", "GetQuote: JSON byte"},
        {NULL, "[{}]", "", "GetQuote: event 0"},
        {NULL, "[" EVENT("app-id", "ea549f02e1a25fabd1cb788380e033ec5461b2ff") "]", "",
         "dstack's public simulator"},
        {NULL, LOG, ",\"report_data\":\"00\"", "GetQuote.report_data"},
        {NULL, LOG, ",\"report_data\":\"" ZEROS32 ZEROS32 "\"", "report_data are not the quote's"},
        {NULL, LOG, ",\"event_log\":\"[]\"", "GetQuote: JSON byte"},
        {NULL, LOG, ",\"vm_config\":7", "GetQuote.vm_config"},
        {NULL, LOG, ",\"attestation\":7", "GetQuote.attestation"},
        {NULL, LOG, ",\"attestation\":\"00\"", "GetQuote.attestation: "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_arena) a = {0};
        sw_dstack_quote q = {0}, before = {0};
        sw_error err = {0};
        sw_bytes json = make_answer(&a, cases[i].quote, cases[i].log, cases[i].rest);
        sw_status status = sw_dstack_quote_parse(&a, json, &q, &err);
        if (status == SW_OK || strstr(err.message, cases[i].sentence) == NULL)
            fail_msg("%zu: %d \"%s\", not \"%s\"", i, status, err.message, cases[i].sentence);
        assert_memory_equal(&q, &before, sizeof q);
    }
}

/* No cut of an answer is an answer. */
static void test_cuts(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) a = {0};
    sw_bytes quote = make_answer(&a, NULL, LOG, ""),
             info = make_info(&a, (info_parts){HEAD, TCB, true});
    for (size_t cut = 0; cut < quote.size; cut++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_quote q;
        assert_int_not_equal(sw_dstack_quote_parse(&b, SW_BYTES(quote.data, cut), &q, NULL), SW_OK);
    }
    for (size_t cut = 0; cut < info.size; cut++) {
        SW_SCOPED(sw_arena) b = {0};
        sw_dstack_info i;
        assert_int_not_equal(sw_dstack_info_parse(&b, SW_BYTES(info.data, cut), &i, NULL), SW_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),          cmocka_unit_test(test_info_sparse),
        cmocka_unit_test(test_compose),       cmocka_unit_test(test_info_refused),
        cmocka_unit_test(test_quote),         cmocka_unit_test(test_quote_and_attestation),
        cmocka_unit_test(test_quote_refused), cmocka_unit_test(test_cuts),
    };
    return cmocka_run_group_tests_name("dstack answers", tests, NULL, NULL);
}

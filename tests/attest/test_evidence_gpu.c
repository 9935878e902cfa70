/* SPDX-License-Identifier: Apache-2.0
 *
 * GPUs in evidence: the object's form with them and without (GPU-210 on), what report data commit
 * to, and evidence that was bent after its quote was made.
 */
#include "attest/forge.h"

static forge house, pair; /* without GPUs, with two */

#define SAMPLES 600 /* flipped bits, spread over the object */

/* ---- a device of any bytes: the object's form does not look inside ---- */
#define LITERAL(text)                                                                              \
    { (const uint8_t *)(text), sizeof(text) - 1 }
static const sw_gpu_device PAIR[2] = {{LITERAL("first report"), LITERAL("first chain\n")},
                                      {LITERAL("second report"), LITERAL("second chain\n")}};
static const sw_bytes RIMS[2] = {LITERAL("<a b=\"c\"/>"), LITERAL("<d/>")};
static const sw_bytes OCSP[1] = {LITERAL("0\x03\n\x01\x01")};

#define PAIR_TEXT                                                                                  \
    "[{\"chain\":\"first chain\\n\",\"report\":\"Zmlyc3QgcmVwb3J0\"},"                             \
    "{\"chain\":\"second chain\\n\",\"report\":\"c2Vjb25kIHJlcG9ydA==\"}]"
#define COLLATERAL_TEXT "\"gpu_ocsp\":[\"MAMKAQE=\"],\"gpu_rims\":[\"<a b=\\\"c\\\"/>\",\"<d/>\"],"

static void equip(bend *b) {
    b->e.gpus = PAIR;
    b->e.gpu_count = 2;
    b->e.gpu_collateral =
        (sw_gpu_collateral){.rims = RIMS, .rim_count = 2, .ocsp = OCSP, .ocsp_count = 1};
}

static void expect_parse(bend *b, sw_bytes json, const char *sentence) {
    sw_evidence e = {.gpu_count = 77};
    sw_error err = {0};
    if (sw_evidence_parse(&b->arena, json, &e, &err) == SW_OK) fail_msg("accepted: %s", sentence);
    if (strstr(err.message, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, err.message);
    assert_int_equal(e.gpu_count, 77);
}

/* ---- form ---- */
static void test_round(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_EVIDENCE_LIMIT);
    bend b;
    sw_evidence e;
    bend_start(&b, &house);
    sw_bytes without = bend_encode(&b);
    assert_non_null(memmem(without.data, without.size, "\"gpu\":[],", 9));
    assert_null(memmem(without.data, without.size, "gpu_", 4));
    assert_int_equal(sw_evidence_parse(&b.arena, without, &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count + e.gpu_collateral.rim_count + e.gpu_collateral.ocsp_count, 0);
    equip(&b);
    sw_bytes json = bend_encode(&b);
    assert_non_null(memmem(json.data, json.size, PAIR_TEXT, sizeof PAIR_TEXT - 1));
    assert_non_null(memmem(json.data, json.size, COLLATERAL_TEXT, sizeof COLLATERAL_TEXT - 1));
    assert_int_equal(json.size - without.size,
                     sizeof PAIR_TEXT - 1 - 2 + sizeof COLLATERAL_TEXT - 1);
    assert_int_equal(sw_evidence_parse(&b.arena, json, &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(sw_bytes_equal(e.gpus[i].chain, PAIR[i].chain));
        assert_true(sw_bytes_equal(e.gpus[i].report, PAIR[i].report));
        assert_true(sw_bytes_equal(e.gpu_collateral.rims[i], RIMS[i]));
    }
    assert_int_equal(sw_evidence_encode(&e, &again, NULL), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&again), json));
    bend_end(&b);
}

/* What report data hash is the member as it stands in the object, and nothing for no device. */
static void test_list(void **state) {
    (void)state;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_EVIDENCE_LIMIT);
    assert_int_equal(sw_gpu_list_encode(NULL, 0, &text, NULL), SW_OK);
    assert_int_equal(text.size, 0);
    assert_int_equal(sw_gpu_list_encode(PAIR, 2, &text, NULL), SW_OK);
    assert_true(sw_bytes_is(sw_buffer_bytes(&text), PAIR_TEXT));
}

static void test_form(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *sentence;
    } table[] = {
        {PAIR_TEXT, "[]", "gpu_ocsp"},
        {PAIR_TEXT, "{}", "gpu is not an array"},
        {PAIR_TEXT, "[1]", "gpu[]"},
        {PAIR_TEXT, "[{}]", "gpu[].chain"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"\"", "gpu[].report is empty"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"Zmlyc3QgcmVwb3J\"", "gpu[].report"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":null", "gpu[].report"},
        {"\"report\":\"Zmlyc3QgcmVwb3J0\"", "\"report\":\"Zmlyc3QgcmVwb3J0\",\"x\":1", "gpu[].x"},
        {"\"chain\":\"first chain\\n\",", "", "gpu[].chain"},
        {"\"chain\":\"first chain\\n\"", "\"chain\":[]", "gpu[].chain"},
        {COLLATERAL_TEXT, "", "gpu_ocsp"},
        {"\"gpu_ocsp\":[\"MAMKAQE=\"],", "", "gpu_ocsp"},
        {"\"gpu_rims\":[\"<a b=\\\"c\\\"/>\",\"<d/>\"],", "", "gpu_rims"},
        {"[\"MAMKAQE=\"]", "\"MAMKAQE=\"", "gpu_ocsp"},
        {"[\"MAMKAQE=\"]", "[1]", "gpu_ocsp[0] is not a text"},
        {"[\"MAMKAQE=\"]", "[\"\"]", "gpu_ocsp[0] is not a text"},
        {"[\"MAMKAQE=\"]", "[\"MAMKAQF=\"]", "base64"},
        {"[\"MAMKAQE=\"]", "[\"MAMKAQE=\",\"MAMKAQE=\"]", "gpu_ocsp[1] stands there twice"},
        {",\"<d/>\"]", ",{}]", "gpu_rims[1] is not a text"},
        {"\"<d/>\"", "\"<a b=\\\"c\\\"/>\"", "gpu_rims[1] stands there twice"},
        {"\"<d/>\"", "\"\\u003cd/>\"", "RFC 8785"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        bend b;
        bend_start(&b, &house);
        equip(&b);
        expect_parse(&b, replaced(&b.arena, bend_encode(&b), table[i].old, table[i].new, 0),
                     table[i].sentence);
        bend_end(&b);
    }
}

/* ---- limits: the last that passes, and one more ---- */
static sw_bytes filled(bend *b, size_t size, uint8_t first) {
    uint8_t *space = sw_arena_alloc(&b->arena, size, 1);
    assert_non_null(space);
    memset(space, 'x', size);
    space[0] = first;
    return SW_BYTES(space, size);
}

static void test_limits(void **state) {
    (void)state;
    sw_gpu_device many[SW_GPU_LIMIT + 1];
    sw_bytes rims[SW_GPU_RIM_COUNT + 1], ocsp[SW_GPU_OCSP_COUNT + 1];
    for (unsigned over = 0; over < 7; over++) {
        static const char *const sentences[] = {"",
                                                "gpu has 17",
                                                "gpu[].chain has more",
                                                "gpu[].re",
                                                "gpu_rims has",
                                                "gpu_rims has more",
                                                "gpu_ocsp has"};
        bend b;
        sw_evidence e;
        bend_start(&b, &house);
        equip(&b);
        for (size_t i = 0; i <= SW_GPU_LIMIT; i++) many[i] = PAIR[0];
        for (size_t i = 0; i <= SW_GPU_RIM_COUNT; i++) rims[i] = filled(&b, 100, (uint8_t)(i + 64));
        for (size_t i = 0; i <= SW_GPU_OCSP_COUNT; i++) ocsp[i] = filled(&b, 100, (uint8_t)i);
        many[0].chain = filled(&b, SW_GPU_CHAIN_LIMIT + (over == 2), 'c');
        many[0].report = filled(&b, SW_GPU_REPORT_LIMIT + (over == 3), 'r');
        rims[0] = filled(&b, SW_RIM_LIMIT + (over == 5), 'm');
        b.e.gpus = many;
        b.e.gpu_count = SW_GPU_LIMIT + (over == 1);
        b.e.gpu_collateral = (sw_gpu_collateral){.rims = rims,
                                                 .rim_count = SW_GPU_RIM_COUNT + (over == 4),
                                                 .ocsp = ocsp,
                                                 .ocsp_count = SW_GPU_OCSP_COUNT + (over == 6)};
        sw_bytes json = bend_encode(&b);
        if (over == 0)
            assert_int_equal(sw_evidence_parse(&b.arena, json, &e, NULL), SW_OK);
        else
            expect_parse(&b, json, sentences[over]);
        bend_end(&b);
    }
}

/* ---- true GPUs: what holds ---- */
/* In the order of their making: what certifies the first device, the second's boot ROM, and what
 * certifies the manifests. */
enum { ANSWER_OF_SECOND = 3, ANSWERS = 7 };

/* A bend whose GPUs can be asked again with another nonce or another version. */
typedef struct rig {
    bend b;
    sw_sim_gpus gpus;
    sw_gpu_device devices[SW_GPU_LIMIT];
    sw_bytes rims[SW_GPU_RIM_COUNT];
    sw_bytes ocsp[ANSWERS];
    sw_hash nonce;
} rig;

static void rig_open(rig *r) {
    memset(r, 0, sizeof *r);
    bend_start(&r->b, &pair);
    assert_int_equal(sw_sim_gpus_load(&r->b.arena, pair.folder, &r->gpus, NULL), SW_OK);
    sw_gpu_nonce(&r->nonce, &pair.channel.challenge, &pair.channel.own_tls);
    memcpy(r->devices, pair.good.gpus, 2 * sizeof r->devices[0]);
    memcpy(r->rims, pair.good.gpu_collateral.rims, 2 * sizeof r->rims[0]);
    r->b.e.gpus = r->devices;
    r->b.e.gpu_collateral.rims = r->rims;
    assert_int_equal(r->b.e.gpu_collateral.ocsp_count, ANSWERS);
    memcpy(r->ocsp, pair.good.gpu_collateral.ocsp, sizeof r->ocsp);
    r->b.e.gpu_collateral.ocsp = r->ocsp;
}

static void rig_close(rig *r) {
    sw_sim_gpus_free(&r->gpus);
    bend_end(&r->b);
}

/* Device `place` answers again: by the key of `index`, what the rig's facts and nonce say. */
static void answer(rig *r, size_t place, size_t index) {
    SW_SCOPED(sw_buffer) report = SW_BUFFER(SW_GPU_REPORT_LIMIT);
    sw_error err = {0};
    if (sw_sim_gpu_report_make(&r->gpus, index, &r->nonce, &pair.entropy, &report, &err) != SW_OK)
        fail_msg("%s", err.message);
    r->devices[place].report = sw_arena_copy(&r->b.arena, sw_buffer_bytes(&report));
    r->devices[place].chain = r->gpus.chains[index];
}

static void forget_second(rig *r) { /* whose answer would be of no certificate then */
    r->ocsp[ANSWER_OF_SECOND] = r->ocsp[--r->b.e.gpu_collateral.ocsp_count];
}

/* The quote is made again, over the GPUs as they now are. */
static void commit(rig *r) {
    SW_SCOPED(sw_buffer) list = SW_BUFFER(SW_EVIDENCE_LIMIT);
    sw_channel_binding channel = pair.channel;
    sw_report_data report;
    assert_int_equal(sw_gpu_list_encode(r->b.e.gpus, r->b.e.gpu_count, &list, NULL), SW_OK);
    channel.gpu_evidence = sw_buffer_bytes(&list);
    assert_int_equal(sw_report_channel(&report, &channel, NULL), SW_OK);
    memcpy(r->b.quote + AT_REPORT_DATA, report.b, sizeof report.b);
    sign_quote(&r->b);
}

static void accept(rig *r, sw_claims *claims) {
    sw_error err = {0};
    if (bend_judge(&r->b, bend_encode(&r->b), claims, &err) != SW_OK) fail_msg("%s", err.message);
}

static void test_claims(void **state) {
    (void)state;
    static rig r;
    static sw_claims claims;
    rig_open(&r);
    accept(&r, &claims);
    assert_int_equal(claims.gpu_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const sw_gpu_claims *c = &claims.gpus[i];
        assert_string_equal(c->driver, "570.172.08");
        assert_string_equal(c->model, "GH100 A01 GSP BROM");
        assert_string_equal(c->vbios, "96.00.CF.00.02");
        assert_int_equal(c->serial.size, pair.policy.gpu.devices[i].size);
        assert_memory_equal(c->serial.b, pair.policy.gpu.devices[i].b, c->serial.size);
        assert_memory_equal(c->nonce, r.nonce.b, sizeof r.nonce.b);
        assert_true(c->revocation_checked && !c->is_switch);
        assert_true(claims.valid_from_ms >= c->valid_from_ms);
        assert_true(claims.valid_until_ms <= c->valid_until_ms);
    }
    rig_close(&r);
}

/* More is allowed than is needed; the order of the devices is the machine's own. */
static void test_wider(void **state) {
    (void)state;
    static rig r;
    static sw_claims claims;
    rig_open(&r);
    sw_gpu_policy *p = &r.b.policy.gpu;
    p->any_device = p->any_driver = true;
    p->device_count = p->driver_count = 0;
    accept(&r, &claims);
    answer(&r, 0, 1);
    answer(&r, 1, 0);
    commit(&r);
    accept(&r, &claims);
    assert_memory_equal(claims.gpus[0].serial.b, pair.policy.gpu.devices[1].b,
                        claims.gpus[0].serial.size);
    rig_close(&r);
}

/* ---- true GPUs: what does not hold ---- */
static void one_fewer(rig *r) {
    r->b.e.gpu_count = 1;
    r->gpus.facts.count = 1; /* feature: single */
    answer(r, 0, 0);
    forget_second(r);
    commit(r);
}
static void none_of_two(rig *r) {
    r->b.e.gpu_count = 0;
    commit(r);
}
static void one_more(rig *r) {
    r->b.policy.gpu.count = 1;
}
static void same_twice(rig *r) {
    answer(r, 1, 0);
    commit(r);
    forget_second(r);
}
static void same_report_twice(rig *r) {
    r->devices[1] = r->devices[0];
    commit(r);
    forget_second(r);
}
static void replayed(rig *r) { /* of an earlier exchange, in a quote of this one */
    r->nonce.b[0] ^= 1;
    answer(r, 0, 0);
    answer(r, 1, 1);
    commit(r);
}
static void one_replayed(rig *r) {
    r->nonce.b[0] ^= 1;
    answer(r, 1, 1);
    commit(r);
}
static void swapped_after_quote(rig *r) { /* fresh and genuine, but not what was quoted */
    answer(r, 0, 0);
}
static void reordered_after_quote(rig *r) {
    sw_gpu_device held = r->devices[0];
    r->devices[0] = r->devices[1];
    r->devices[1] = held;
}
static void dropped_after_quote(rig *r) {
    r->b.policy.gpu.count = 1;
    r->b.e.gpu_count = 1;
    r->gpus.facts.count = 1;
    answer(r, 0, 0);
    forget_second(r);
}
static void serial_not_named(rig *r) {
    r->b.policy.gpu.devices[1].b[7] ^= 1;
}
static void driver_not_named(rig *r) {
    (void)strcpy(r->b.policy.gpu.drivers[0], "580.95.05");
}
static void other_driver(rig *r) { /* of which there is no manifest */
    (void)strcpy(r->gpus.facts.driver, "580.95.05");
    answer(r, 0, 0);
    answer(r, 1, 1);
    commit(r);
}
static void other_vbios(rig *r) {
    r->gpus.facts.vbios[4]++;
    answer(r, 0, 0);
    answer(r, 1, 1);
    commit(r);
}
static void says_a_driver(rig *r) { /* measures as one driver, says another */
    r->rims[0] = replaced(&r->b.arena, r->rims[0], "570.172.08", "570.172.09", 0);
}
static void no_manifests(rig *r) {
    r->b.e.gpu_collateral.rim_count = 0;
}
static void driver_manifest_alone(rig *r) {
    r->b.e.gpu_collateral.rim_count = 1;
}
static void measurement_changed(rig *r) {
    r->rims[0] = replaced(&r->b.arena, r->rims[0], "active=\"True\"", "active=\"False\"", 0);
}
static void other_device_root(rig *r) {
    r->b.policy.gpu.device_root.b[0] ^= 1;
}
static void other_rim_root(rig *r) {
    r->b.policy.gpu.rim_root.b[0] ^= 1;
}
static void no_answers(rig *r) {
    r->b.e.gpu_collateral.ocsp_count = 0;
}
static void one_answer_fewer(rig *r) {
    forget_second(r);
}
static void foreign_answer(rig *r) { /* of a GPU that is not there */
    r->b.e.gpu_count = r->b.policy.gpu.count = 1;
    r->gpus.facts.count = 1;
    answer(r, 0, 0);
    commit(r);
}
static void none_wanted(rig *r) {
    r->b.policy.gpu = (sw_gpu_policy){0};
}
static void foreign_chain(rig *r) { /* a chain of the first, a report of the second */
    r->devices[0].report = r->devices[1].report;
    commit(r);
}
static sw_channel_binding moved;
static void other_challenge(rig *r) {
    moved = pair.channel;
    moved.challenge.b[31] ^= 1;
    r->b.channel = &moved;
}
static void other_peer(rig *r) { /* the same nonce: the quote alone tells */
    moved = pair.channel;
    moved.peer_tls = moved.own_tls;
    r->b.channel = &moved;
}
static void other_purpose(rig *r) {
    moved = pair.channel;
    moved.purpose = SW_PURPOSE_OPEN;
    r->b.channel = &moved;
}
static void no_channel(rig *r) { /* report data of their own commit to no GPU */
    memcpy(r->b.expected.b, r->b.quote + AT_REPORT_DATA, sizeof r->b.expected.b);
    r->b.channel = NULL;
}
static void late(rig *r) {
    r->b.at_ms += 20 * 365 * FORGE_DAY;
}

static const struct {
    void (*change)(rig *r);
    const char *word, *sentence;
} REFUSED[] = {
    {one_fewer, "policy", "the machine shows 1 GPUs, and the machine policy says 2"},
    {none_of_two, "policy", "the machine shows 0 GPUs, and the machine policy says 2"},
    {one_more, "policy", "the machine shows 2 GPUs, and the machine policy says 1"},
    {same_twice, "evidence", "devices 0 and 1 are one and the same"},
    {same_report_twice, "evidence", "devices 0 and 1 are one and the same"},
    {replayed, "evidence", "device 0 answered another nonce than this one"},
    {one_replayed, "evidence", "nonce"},
    {swapped_after_quote, "evidence", "report data are not those of this exchange"},
    {reordered_after_quote, "evidence", "report data are not those of this exchange"},
    {dropped_after_quote, "evidence", "report data are not those of this exchange"},
    {serial_not_named, "policy", "is not one that the machine policy names"},
    {driver_not_named, "policy", "runs driver 570.172.08, which the machine policy does not name"},
    {other_driver, "evidence", "580.95.05"},
    {other_vbios, "evidence", "firmware id is not the leaf certificate's"},
    {says_a_driver, "evidence", "digest"},
    {measurement_changed, "evidence", "digest"},
    {no_manifests, "evidence", "manifest"},
    {driver_manifest_alone, "evidence", "manifest"},
    {other_device_root, "evidence", "the policy's device root"},
    {other_rim_root, "evidence", "root"},
    {no_answers, "policy", "has no OCSP answer"},
    {one_answer_fewer, "policy", "device 1: a certificate of it or of its manifests has no OCSP"},
    {foreign_answer, "evidence", "OCSP answer 3 is of no certificate here"},
    {none_wanted, "evidence", "the evidence holds GPUs and the machine policy says none"},
    {foreign_chain, "evidence", "signature"},
    {other_challenge, "evidence", "device 0 answered another nonce than this one"},
    {other_peer, "evidence", "report data are not those of this exchange"},
    {other_purpose, "evidence", "report data are not those of this exchange"},
    {no_channel, "evidence", "to which these report data do not commit"},
    {late, "evidence", "no longer valid"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(REFUSED); i++) {
        static rig r;
        static sw_claims claims;
        sw_error err = {0};
        rig_open(&r);
        REFUSED[i].change(&r);
        claims.gpu_count = 77;
        if (bend_judge(&r.b, bend_encode(&r.b), &claims, &err) == SW_OK)
            fail_msg("accepted: %zu %s", i, REFUSED[i].sentence);
        if (strstr(err.message, REFUSED[i].sentence) == NULL)
            fail_msg("%zu: \"%s\" is not in \"%s\"", i, REFUSED[i].sentence, err.message);
        assert_string_equal(err.word, REFUSED[i].word);
        assert_int_equal(claims.gpu_count, 77);
        rig_close(&r);
    }
}

/* A question of both kinds, or of neither, is nobody's. */
static void test_question(void **state) {
    (void)state;
    static rig r;
    static sw_claims claims;
    rig_open(&r);
    sw_bytes json = bend_encode(&r.b);
    sw_channel_binding complete = pair.channel;
    complete.gpu_evidence = SW_LITERAL("[]");
    const sw_question wrong[] = {
        {.compose = &r.b.compose},
        {.compose = &r.b.compose, .report = &r.b.expected, .channel = &pair.channel},
        {.compose = &r.b.compose, .channel = &complete},
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(sw_attest(json, &r.b.policy, r.b.at_ms, &wrong[i], &claims, NULL),
                         SW_INTERNAL);
    rig_close(&r);
}

/* What a flip lets through must be the same evidence to the last claim. */
static void test_flips(void **state) {
    (void)state;
    static rig r;
    static sw_claims good, claims;
    size_t unseen = 0;
    rig_open(&r);
    sw_bytes json = bend_encode(&r.b);
    assert_int_equal(bend_judge(&r.b, json, &good, NULL), SW_OK);
    uint8_t *bytes = (uint8_t *)(uintptr_t)json.data;
    size_t bits = 8 * json.size, step = bits / SAMPLES;
    for (size_t bit = 0; bit < bits; bit += step | 1) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        memset(&claims, 0, sizeof claims);
        if (bend_judge(&r.b, json, &claims, NULL) == SW_OK) {
            assert_memory_equal(&claims, &good, sizeof good);
            unseen++;
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    printf("# %zu of %d flips went unseen, in what no signature of a manifest covers\n", unseen,
           SAMPLES);
    assert_in_range(unseen, 0, SAMPLES / 100);
    rig_close(&r);
}

static void test_cuts(void **state) {
    (void)state;
    static rig r;
    static sw_claims claims;
    rig_open(&r);
    sw_bytes json = bend_encode(&r.b);
    for (size_t size = 0; size < json.size; size += size % 64 == 63 ? 64 - 1 : 1 + size / 512 * 16)
        assert_int_not_equal(bend_judge(&r.b, SW_BYTES(json.data, size), &claims, NULL), SW_OK);
    assert_int_not_equal(bend_judge(&r.b, SW_BYTES(json.data, json.size - 1), &claims, NULL),
                         SW_OK);
    rig_close(&r);
}

static void test_explain(void **state) {
    (void)state;
    static rig r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(4 << 20);
    sw_error err = {0};
    rig_open(&r);
    sw_bytes json = bend_encode(&r.b);
    assert_int_equal(sw_evidence_explain(json, &text, NULL), SW_OK);
    sw_put_u8(&text, 0);
    static const char *const parts[] = {"device 2 of 2", "570.172.08", "GH100 A01 GSP FMC LF",
                                        "reference manifest", "OCSP answers: 7"};
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr((const char *)text.data, parts[i]));
    r.devices[1] = PAIR[1];
    assert_int_not_equal(sw_evidence_explain(bend_encode(&r.b), &text, &err), SW_OK);
    assert_non_null(strstr(err.message, "gpu[1]"));
    rig_close(&r);
}

/* ---- the machine ---- */
static void test_machine(void **state) {
    (void)state;
    sw_machine *m = NULL;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_EVIDENCE_LIMIT);
    SW_SCOPED(sw_arena) a = {0};
    sw_evidence e;
    assert_int_equal(sw_machine_boot(pair.machine, pair.compose_text, pair.app_id, &pair.entropy,
                                     &pair.clock, &m, NULL),
                     SW_OK);
    sw_gpu_policy asked = {.count = 1};
    for (; asked.count < 4; asked.count += 2) {
        assert_int_equal(sw_machine_channel_evidence(m, &pair.channel, &asked, &json, &err),
                         SW_REFUSED);
        assert_string_equal(err.word, "policy");
        assert_non_null(strstr(err.message, "and this machine has 2"));
        assert_int_equal(json.size, 0);
    }
    sw_channel_binding complete = pair.channel;
    complete.gpu_evidence = SW_LITERAL("[]");
    asked.count = 2;
    assert_int_equal(sw_machine_channel_evidence(m, &complete, &asked, &json, NULL), SW_INTERNAL);
    asked.count = 0;
    /* none asked for: none shown */
    assert_int_equal(sw_machine_channel_evidence(m, &pair.channel, &asked, &json, NULL), SW_OK);
    assert_int_equal(sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count, 0);
    sw_buffer_reset(&json);
    assert_int_equal(sw_machine_evidence(m, &pair.report, &json, NULL), SW_OK);
    assert_int_equal(sw_evidence_parse(&a, sw_buffer_bytes(&json), &e, NULL), SW_OK);
    assert_int_equal(e.gpu_count, 0);
    sw_machine_close(&m);
}

int main(void) {
    forge_open(&house);
    forge_open_gpus(&pair, 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),   cmocka_unit_test(test_list),
        cmocka_unit_test(test_form),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_claims),  cmocka_unit_test(test_wider),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_question),
        cmocka_unit_test(test_flips),   cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_explain), cmocka_unit_test(test_machine),
    };
    int failed = cmocka_run_group_tests_name("GPUs in evidence", tests, NULL, NULL);
    forge_close(&house);
    forge_close(&pair);
    return failed;
}

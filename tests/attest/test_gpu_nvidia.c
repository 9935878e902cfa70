/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's own devices: every field and measurement as the notes have them, every verdict as they
 * have it, sets of eight and of four, and what must be refused when parts are exchanged. Without
 * the vectors the program says so.
 */
#include "attest/gpu_vectors.h"

static sw_gpu_claims claims[SW_GPU_LIMIT];

/* ---- what held, for verdicts that fail later ---- */
typedef struct held {
    char last[64]; /* the check that was begun last */
    bool signature;
} held;

static void see_begun(void *context, const char *check) {
    held *h = context;
    (void)snprintf(h->last, sizeof h->last, "%s", check);
}

static void see_held(void *context, const char *value) {
    held *h = context;
    (void)value;
    if (strcmp(h->last, "GPU signature") == 0) h->signature = true;
}

static sw_status judge(const vector *v, held *h, sw_error *err) {
    const sw_check_log log = {.begun = see_begun, .held = see_held, .left = see_held, .context = h};
    sw_gpu_collateral c = {.rims = v->rims, .rim_count = v->rim_count};
    memset(h, 0, sizeof *h);
    return sw_gpu_verify(&v->device, 1, &c, &nvidia, v->at_ms, &log, claims, err);
}

static void check_sentence(const char *folder, const sw_error *err, const char *sentence) {
    if (strstr(err->message, sentence) == NULL)
        fail_msg("%s: \"%s\" is not in \"%s\"", folder, sentence, err->message);
}

/* ---- fields ---- */
static void check_hex(const sw_json *object, const char *name, sw_bytes value) {
    char text[2 * 64 + 1];
    sw_hex_text(text, value);
    if (!note_is(object, name, text)) fail_msg("%s is not %s", name, text);
}

static void check_text(const sw_json *object, const char *name, const char *value) {
    if (!note_is(object, name, value)) fail_msg("%s is not \"%s\"", name, value);
}

static void check_measurements(const sw_json *notes, const sw_gpu_report *r) {
    const sw_json *all = note_of(notes, "measurements");
    size_t index = 0;
    for (const sw_json *m = all->first; m != NULL; m = m->next, index++) {
        char key[24], hex[97];
        (void)snprintf(key, sizeof key, "%zu", index);
        assert_true(sw_bytes_is(m->key, key) && r->present[index]);
        sw_hex_text(hex, SW_BYTES_OF(r->blocks[index]));
        assert_true(sw_bytes_is(m->text, hex));
    }
    assert_int_equal(index, r->block_count);
}

static void check_opaque(const sw_json *report, const sw_gpu_report *r) {
    const sw_json *types = note_of(report, "opaque_types");
    size_t i = 0;
    for (const sw_json *t = types->first; t != NULL; t = t->next, i++)
        assert_int_equal(r->opaque[i].type, t->integer);
    assert_int_equal(i, r->opaque_count);
    const sw_gpu_opaque *nvdec0 = sw_gpu_field(r, SW_GPU_FIELD_NVDEC0);
    const sw_gpu_opaque *feature = sw_gpu_field(r, SW_GPU_FIELD_FEATURE);
    check_hex(report, "nvdec0_status", nvdec0 == NULL ? (sw_bytes){0} : nvdec0->value);
    check_hex(report, "feature_flag", feature == NULL ? (sw_bytes){0} : feature->value);
    check_hex(report, "fwid", r->has_fwid ? SW_BYTES_OF(r->fwid) : (sw_bytes){0});
    assert_int_equal(r->nvdec0_disabled, note_is(report, "nvdec0_status", "55"));
}

static void check_report(const sw_json *notes, const sw_gpu_report *r) {
    const sw_json *report = note_of(notes, "report");
    char driver[128], vbios[128];
    check_hex(report, "request_nonce", SW_BYTES_OF(r->nonce));
    check_hex(report, "response_nonce", SW_BYTES_OF(r->responder_nonce));
    assert_int_equal(r->signed_part.size, note_of(report, "signature_offset")->integer);
    assert_int_equal(r->trailing_bytes, note_of(report, "trailing_bytes")->integer);
    check_text(report, "driver_version", r->driver);
    check_text(report, "vbios_version", r->vbios);
    check_text(report, "project", r->project);
    check_text(report, "project_sku", r->project_sku);
    check_text(report, "chip_sku", r->chip_sku);
    check_text(report, "chip_info", r->chip_info);
    assert_int_equal(r->is_switch, note_is(report, "arch", "LS10"));
    check_opaque(report, r);
    check_measurements(notes, r);
    sw_gpu_rim_names(r, driver, vbios);
    if (!r->is_switch) {
        check_text(report, "driver_rim_id", driver);
        check_text(report, "vbios_rim_id", vbios);
    }
}

/* A serial number in decimal, as NVIDIA's claims have it. */
static void decimal(const sw_gpu_serial *serial, char out[64]) {
    uint8_t rest[20];
    char digits[64];
    size_t count = 0, left = 0;
    memcpy(rest, serial->b, sizeof rest);
    do {
        unsigned carry = 0;
        left = 0;
        for (size_t i = 0; i < serial->size; i++) {
            carry = carry << 8 | rest[i];
            rest[i] = (uint8_t)(carry / 10);
            carry %= 10;
            left |= rest[i];
        }
        digits[count++] = (char)('0' + carry);
    } while (left != 0);
    for (size_t i = 0; i < count; i++) out[i] = digits[count - 1 - i];
    out[count] = 0;
}

static void check_chain(const vector *v, const sw_gpu_report *r) {
    const sw_json *report = note_of(v->notes, "report");
    sw_gpu_chain c = {0};
    sw_error err = {0};
    char serial[64];
    if (sw_gpu_chain_parse(v->device.chain, NULL, &c, &err) != SW_OK) fail_msg("%s", err.message);
    decimal(&c.serial, serial);
    check_text(report, "ueid", serial);
    check_text(report, "hwmodel", c.model);
    if (note_is(report, "fwid_vs_leaf", "match"))
        assert_memory_equal(r->fwid, c.fwid, sizeof c.fwid);
    bool signs = sw_p384_verify_raw(&c.key, r->signed_part, r->signature, NULL) == SW_OK;
    assert_int_equal(signs, note_is(note_of(v->notes, "expected"), "signature", "ok"));
    sw_gpu_chain_free(&c);
}

/* ---- verdicts ---- */
/* Whatever manifest verifies differs from the report at the noted indices and at no other. */
static void check_differences(const sw_json *note, sw_bytes xml, const sw_gpu_report *r,
                              int64_t at_ms) {
    static sw_rim rim;
    sw_gpu_comparison c;
    sw_error err = {0};
    if (note == NULL || !note_of(note, "digest_ok")->boolean) return;
    if (sw_rim_verify(xml, &nvidia.rim_root, at_ms, &rim, &err) != SW_OK ||
        sw_gpu_compare(r, NULL, &rim, &c, &err) != SW_OK)
        fail_msg("%s", err.message);
    size_t noted = 0;
    for (const sw_json *m = note_of(note, "mismatching_indices")->first; m != NULL; m = m->next) {
        assert_true(c.differs[m->integer]);
        noted++;
    }
    assert_int_equal(c.differing, noted);
    sw_rim_free(&rim);
}

static void check_manifests(const vector *v, const sw_gpu_report *r) {
    const sw_json *expected = note_of(v->notes, "expected");
    const sw_json *driver = note_of(expected, "driver_rim");
    size_t vbios = driver == NULL ? 0 : 1;
    check_differences(driver, v->rims[0], r, v->at_ms);
    check_differences(note_of(expected, "vbios_rim"), v->rims[vbios], r, v->at_ms);
}

/* Why a device is refused whose manifests are there: the first reason that the notes give. */
static const char *manifest_reason(const sw_json *expected) {
    const sw_json *driver = note_of(expected, "driver_rim"),
                  *vbios = note_of(expected, "vbios_rim");
    if (driver == NULL) return "the manifest NV_GPU_DRIVER_GH100_";
    if (!note_of(driver, "digest_ok")->boolean) return "manifest 0";
    if (vbios == NULL) return "the manifest NV_GPU_VBIOS_";
    return "and the VBIOS manifest has";
}

typedef struct tally {
    size_t good, unlisted, rim, unsigned_;
} tally;

static void check_verdict(const vector *v, const char *folder, tally *t) {
    const sw_json *expected = note_of(v->notes, "expected");
    sw_error err = {0};
    held h;
    sw_status status = judge(v, &h, &err);
    if (note_is(expected, "verdict", "MEASUREMENTS-OK")) {
        if (status != SW_OK) fail_msg("%s: %s", folder, err.message);
        assert_false(claims[0].revocation_checked);
        t->good++;
        return;
    }
    assert_int_equal(status, SW_REFUSED);
    if (note_is(expected, "signature", "BAD")) {
        assert_false(h.signature);
        const sw_json *errors = note_of(expected, "errors");
        check_sentence(folder, &err,
                       errors->count == 2 ? "firmware id is not the leaf certificate's"
                                          : "the report's signature does not hold");
        t->unsigned_++;
        return;
    }
    assert_true(h.signature);
    if (note_is(expected, "verdict", "SIGNATURE-OK, no RIM")) {
        char sentence[160];
        const sw_json *id = note_of(note_of(v->notes, "report"), "driver_rim_id");
        (void)snprintf(sentence, sizeof sentence, "the manifest %.*s is missing",
                       (int)id->text.size, (const char *)id->text.data);
        check_sentence(folder, &err, sentence);
        t->unlisted++;
        return;
    }
    check_sentence(folder, &err, manifest_reason(expected));
    t->rim++;
}

static void test_notes(void **state) {
    (void)state;
    tally t = {0};
    DIR *all = opendir(VECTORS);
    assert_non_null(all);
    for (struct dirent *entry = readdir(all); entry != NULL; entry = readdir(all)) {
        vector v;
        sw_gpu_report r;
        sw_error err = {0};
        if (entry->d_name[0] == '.' || !vector_open(&v, entry->d_name)) continue;
        if (sw_gpu_report_parse(v.device.report, &r, &err) != SW_OK)
            fail_msg("%s: %s", entry->d_name, err.message);
        check_report(v.notes, &r);
        check_chain(&v, &r);
        check_verdict(&v, entry->d_name, &t);
        check_manifests(&v, &r);
        sw_arena_free(&v.arena);
    }
    (void)closedir(all);
    print_message("# %zu devices hold, %zu lack a manifest, %zu differ from theirs, %zu are not "
                  "signed\n",
                  t.good, t.unlisted, t.rim, t.unsigned_);
    assert_true(t.good >= 2 && t.unlisted >= 16 && t.rim >= 4 && t.unsigned_ >= 2);
    assert_true(t.good + t.unlisted + t.rim + t.unsigned_ >= 24);
}

/* ---- manifests that NVIDIA bent for its own tests ---- */
static void test_bent_manifests(void **state) {
    (void)state;
    static const struct {
        const char *folder, *rim;
        int64_t at_ms;
        const char *sentence;
    } table[] = {
        {"hopper-545.00-full-rim-match",
         "NV_GPU_VBIOS_1010_0200_882_96005E0001_measurement_mismatch.xml",
         INT64_C(1718000000) * 1000, "and the VBIOS manifest has"},
        {"switch-ls10-full-rim-match",
         "NV_SWITCH_BIOS_5612_0002_890_9610550001_invalid_signature.xml",
         INT64_C(1740000000) * 1000, "manifest 0"},
        {"switch-ls10-full-rim-match",
         "NV_SWITCH_BIOS_5612_0002_890_9610550001_measurement_mismatch.xml",
         INT64_C(1740000000) * 1000, "manifest 0"},
        {"hopper-545.00-full-rim-match", "incorrect_cert_chain_driver_rim.xml",
         INT64_C(1740000000) * 1000, "manifest 1"},
        {"hopper-545.00-full-rim-match", "1010_0200_882_96005E0003_PROD.swidtag",
         INT64_C(1718000000) * 1000,
         "the manifest NV_GPU_VBIOS_1010_0200_882_96005E0001 is missing"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        vector v;
        held h;
        sw_error err = {0};
        assert_true(vector_open(&v, table[i].folder));
        v.at_ms = table[i].at_ms;
        v.rims[v.rim_count - 1] = vector_load(&v.arena, "rims", table[i].rim);
        assert_true(v.rims[v.rim_count - 1].size > 0);
        assert_int_equal(judge(&v, &h, &err), SW_REFUSED);
        check_sentence(table[i].rim, &err, table[i].sentence);
        sw_arena_free(&v.arena);
    }
}

/* ---- exchanged parts ---- */
static void test_exchanged(void **state) {
    (void)state;
    vector v, other;
    held h;
    sw_error err = {0};
    assert_true(vector_open(&v, "hopper-545.00-full-rim-match"));
    assert_true(vector_open(&other, "hopper-570.172.08-nearai-0"));
    const sw_gpu_device good = v.device;
    v.device.chain = other.device.chain;
    assert_int_equal(judge(&v, &h, &err), SW_REFUSED);
    check_sentence("chain", &err, "the report's signature does not hold");
    v.device = good;
    sw_bytes swapped[2] = {v.rims[1], v.rims[0]}; /* places mean nothing */
    memcpy(v.rims, swapped, sizeof swapped);
    assert_int_equal(judge(&v, &h, &err), SW_OK);
    v.rims[0] = v.rims[1];
    assert_int_equal(judge(&v, &h, &err), SW_REFUSED);
    check_sentence("twice", &err, "two manifests fit");
    memcpy(v.rims, swapped, sizeof swapped);
    v.at_ms = INT64_C(1750900000) * 1000; /* the VBIOS manifest's signer has ended */
    assert_int_equal(judge(&v, &h, &err), SW_REFUSED);
    check_sentence("time", &err, "manifest 0");
    sw_arena_free(&v.arena);
    sw_arena_free(&other.arena);
}

static void test_partial_chains(void **state) {
    (void)state;
    static const char *const sentences[] = {
        "has 1 certificates, not 5", "has 4 certificates, not 5", "has 4 certificates, not 5"};
    vector v;
    held h;
    sw_error err = {0};
    assert_true(vector_open(&v, "hopper-545.00-full-rim-match"));
    for (size_t i = 0; i < COUNT(sentences); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "hopper_cert_chain_case%zu.txt", i + 2);
        v.device.chain = vector_load(&v.arena, "cert-chain-cases", name);
        assert_true(v.device.chain.size > 0);
        assert_int_equal(judge(&v, &h, &err), SW_REFUSED);
        check_sentence(name, &err, sentences[i]);
    }
    sw_arena_free(&v.arena);
}

static void test_nonces_of_samples(void **state) {
    (void)state;
    static const struct {
        const char *folder;
        bool known;
    } table[] = {{"hopper-545.00-full-rim-match", true},
                 {"blackwell-gb100-575.32", true},
                 {"switch-ls10-full-rim-match", true},
                 {"hopper-570.172.08-nearai-0", false}};
    for (size_t i = 0; i < COUNT(table); i++) {
        vector v;
        sw_gpu_report r;
        sw_gpu_claims c = {0};
        sw_hash nonce;
        assert_true(vector_open(&v, table[i].folder));
        assert_int_equal(sw_gpu_report_parse(v.device.report, &r, NULL), SW_OK);
        memcpy(c.nonce, r.nonce, sizeof c.nonce);
        memcpy(nonce.b, r.nonce, sizeof nonce.b);
        assert_int_equal(sw_gpu_nonce_known_test(r.nonce), table[i].known);
        assert_int_equal(sw_gpu_fresh(&c, 1, &nonce, NULL), table[i].known ? SW_REFUSED : SW_OK);
        sw_arena_free(&v.arena);
    }
}

/* ---- sets: real devices, and manifests of our own that list what they measured ---- */
typedef struct set {
    vector v[8];
    sw_gpu_device devices[9];
    sw_buffer rims[2];
    size_t count;
} set;

static void entries_collect(const set *s, sw_rim_kind kind,
                            sw_rim_entry entries[SW_RIM_INDEX_LIMIT]) {
    memset(entries, 0, SW_RIM_INDEX_LIMIT * sizeof entries[0]);
    for (size_t k = 0; k < s->count; k++) {
        sw_gpu_report r;
        assert_int_equal(sw_gpu_report_parse(s->devices[k].report, &r, NULL), SW_OK);
        for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++) {
            sw_rim_entry *e = &entries[i];
            if (!gpu_active(kind, false, i)) continue;
            e->active = true;
            bool there = false;
            for (size_t a = 0; a < e->alternative_count; a++)
                there |= memcmp(e->alternatives[a], r.blocks[i], SW_SHA384_BYTES) == 0;
            if (!there)
                memcpy(e->alternatives[e->alternative_count++], r.blocks[i], SW_SHA384_BYTES);
        }
    }
}

static void set_manifest(set *s, sw_rim_kind kind, const char *version) {
    static sw_rim_entry entries[SW_RIM_INDEX_LIMIT];
    sw_error err = {0};
    const sw_bytes chain[3] = {sw_cert_der(gpu_maker.rim_signer.cert),
                               sw_cert_der(gpu_maker.rim_ca.cert),
                               sw_cert_der(gpu_maker.rim_root.cert)};
    entries_collect(s, kind, entries);
    sw_rim_plan plan = {.kind = kind,
                        .version = version,
                        .product = "GH100",
                        .edition = "GPU",
                        .entries = entries,
                        .entry_count = SW_RIM_INDEX_LIMIT,
                        .chain = chain,
                        .chain_count = 3,
                        .secret = gpu_maker.rim_signer.secret};
    s->rims[kind] = SW_BUFFER(SW_RIM_LIMIT);
    if (sw_rim_make(&plan, &s->rims[kind], &err) != SW_OK) fail_msg("%s", err.message);
}

static void set_open(set *s, const char *prefix, size_t count) {
    sw_gpu_report r;
    memset(s, 0, sizeof *s);
    for (; s->count < count; s->count++) {
        char folder[64];
        (void)snprintf(folder, sizeof folder, "%s-%zu", prefix, s->count);
        assert_true(vector_open(&s->v[s->count], folder));
        s->devices[s->count] = s->v[s->count].device;
    }
    assert_int_equal(sw_gpu_report_parse(s->devices[0].report, &r, NULL), SW_OK);
    set_manifest(s, SW_RIM_DRIVER, r.driver);
    set_manifest(s, SW_RIM_VBIOS, r.vbios);
}

static void set_close(set *s) {
    for (size_t i = 0; i < COUNT(s->v); i++) sw_arena_free(&s->v[i].arena);
    for (size_t i = 0; i < 2; i++) sw_buffer_free(&s->rims[i]);
}

static sw_status set_judge(const set *s, size_t count, sw_error *err) {
    sw_gpu_policy policy = nvidia;
    sw_bytes rims[2] = {sw_buffer_bytes(&s->rims[0]), sw_buffer_bytes(&s->rims[1])};
    sw_gpu_collateral c = {.rims = rims, .rim_count = 2};
    policy.rim_root = gpu_maker.policy.rim_root;
    return sw_gpu_verify(s->devices, count, &c, &policy, GPU_NOW, NULL, claims, err);
}

static void check_set(const char *prefix, size_t count, uint16_t feature) {
    static set s;
    sw_error err = {0};
    gpu_maker_open();
    set_open(&s, prefix, count);
    if (set_judge(&s, count, &err) != SW_OK) fail_msg("%s: %s", prefix, err.message);
    sw_gpu_policy policy = nvidia;
    policy.count = (uint32_t)count;
    bool guarded = feature == 2; /* the samples have no switches beside them (GPU-086) */
    /* Nor has anybody kept the maker's answers of that day (GPU-083). */
    assert_int_equal(sw_gpu_policy_check(&policy, claims, count, GPU_NOW, NULL, &err), SW_REFUSED);
    assert_non_null(
        strstr(err.message, guarded ? "came without the switches" : "has no OCSP answer"));
    for (size_t i = 0; i < count; i++) claims[i].revocation_checked = true;
    assert_int_equal(sw_gpu_policy_check(&policy, claims, count, GPU_NOW, NULL, &err),
                     guarded ? SW_REFUSED : SW_OK);
    if (guarded) check_sentence(prefix, &err, "came without the switches");
    for (size_t i = 0; i < count; i++) assert_int_equal(claims[i].feature, feature);
    s.devices[count] = s.devices[1]; /* one that plays another */
    s.devices[0] = s.devices[1];
    assert_int_equal(set_judge(&s, count, &err), SW_REFUSED);
    check_sentence(prefix, &err, "devices 0 and 1 are one and the same");
    set_close(&s);
    gpu_maker_close();
}

static void test_eight(void **state) {
    (void)state;
    check_set("hopper-570.172.08-nearai", 8, 0);
}

static void test_four(void **state) {
    (void)state;
    check_set("hopper-590.12-ppcie", 4, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_bent_manifests),
        cmocka_unit_test(test_exchanged),
        cmocka_unit_test(test_partial_chains),
        cmocka_unit_test(test_nonces_of_samples),
        cmocka_unit_test(test_eight),
        cmocka_unit_test(test_four),
    };
    if (!vector_roots()) return vector_skip();
    return cmocka_run_group_tests_name("gpu nvidia", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Intel's own machines: each vector must come to the verdict that an independent evaluator (Python,
 * OpenSSL's bindings) wrote beside it, under Intel's root as the policy's anchor; and every part of
 * another bundle to the refusal that it earns.
 */
#include "attest/intel.h"

/* How many of each kind there were. */
static struct {
    size_t vectors, verified, v5, up_to_date, out_of_date, not_supported, early, other_root,
        without, debug, no_sept, service_td, published, padded, second, pool_info, pool_identity,
        pool_list;
} seen;

/* ---- every vector against its note ---- */
static void check_status(sw_arena *a, const sw_json *expected, const char *name, unsigned status) {
    const char *text = text_of(a, expected, name);
    if (text != NULL) assert_string_equal(sw_tcb_status_name(status), text);
}

static void check_advisories(const sw_json *expected, const char *list) {
    const sw_json *array = sw_json_member(expected, "advisories");
    size_t count = list[0] == 0 ? 0 : 1;
    for (const char *c = list; *c != 0; c++) count += *c == ',';
    assert_int_equal(count, array->count);
    for (const sw_json *item = array->first; item != NULL; item = item->next) {
        char id[64];
        (void)snprintf(id, sizeof id, "%.*s", (int)item->text.size, (const char *)item->text.data);
        assert_non_null(strstr(list, id));
    }
}

static void check_window(const vector *v, const sw_tdx_verdict *verdict) {
    const sw_json *window = sw_json_member(v->notes, "valid_window");
    char text[21];
    sw_time_text(text, verdict->valid_from_ms);
    assert_true(is_text(window, "not_before", text));
    sw_time_text(text, verdict->valid_until_ms);
    assert_true(is_text(window, "not_after", text));
}

static void check_hex(const sw_json *quote, const char *name, sw_bytes value) {
    char hex[2 * 64 + 1];
    sw_hex_text(hex, value);
    if (!is_text(quote, name, hex)) fail_msg("%s is %s", name, hex);
}

static void check_pck(const sw_json *quote, const sw_pck *pck) {
    check_hex(quote, "ppid", SW_BYTES_OF(pck->ppid));
    check_hex(quote, "fmspc", SW_BYTES_OF(pck->fmspc));
    check_hex(quote, "pce_id", SW_BYTES_OF(pck->pce_id));
    check_hex(quote, "cpusvn", SW_BYTES_OF(pck->cpu_svn));
    assert_int_equal(pck->pce_svn, number_of(quote, "pce_svn"));
    assert_true(is_text(quote, "pck_issuer_cn", pck->platform ? "Platform" : "Processor"));
    size_t i = 0;
    for (const sw_json *s = sw_json_member(quote, "sgx_tcb_comp_svns")->first; s; s = s->next)
        assert_int_equal(pck->component[i++], s->integer);
    assert_int_equal(i, 16);
}

/* Every field that is a property of the quote alone. */
static void check_fields(const vector *v, const sw_tdx_quote *q) {
    static const char *const rtmrs[4] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
    const sw_json *quote = sw_json_member(v->notes, "quote");
    const sw_td_report *td = &q->td;
    uint8_t a[8], x[8];
    for (size_t i = 0; i < 8; i++) a[i] = (uint8_t)(td->td_attributes >> (8 * i));
    for (size_t i = 0; i < 8; i++) x[i] = (uint8_t)(td->xfam >> (8 * i));
    assert_int_equal(q->version, number_of(quote, "version"));
    if (q->version == 5) assert_int_equal(td->kind, number_of(quote, "body_type"));
    assert_int_equal(v->quote.size, number_of(quote, "size"));
    check_hex(quote, "header_user_data", SW_BYTES_OF(q->user_data));
    check_hex(quote, "qe_auth_data", q->auth_data);
    check_hex(quote, "qe_mrsigner", SW_BYTES_OF(q->qe.mr_signer));
    assert_int_equal(q->qe.isv_svn, number_of(quote, "qe_isvsvn"));
    assert_int_equal(q->qe.isv_prod_id, number_of(quote, "qe_isvprodid"));
    check_hex(quote, "tee_tcb_svn", SW_BYTES_OF(td->tee_tcb_svn));
    check_hex(quote, "mr_seam", SW_BYTES_OF(td->mr_seam));
    check_hex(quote, "mrsigner_seam", SW_BYTES_OF(td->mr_signer_seam));
    check_hex(quote, "seam_attributes", SW_BYTES_OF(td->seam_attributes));
    check_hex(quote, "td_attributes", SW_BYTES_OF(a));
    check_hex(quote, "xfam", SW_BYTES_OF(x));
    check_hex(quote, "mr_td", SW_BYTES_OF(td->mrtd));
    check_hex(quote, "mr_config_id", SW_BYTES_OF(td->mr_config_id));
    check_hex(quote, "mr_owner", SW_BYTES_OF(td->mr_owner));
    check_hex(quote, "mr_owner_config", SW_BYTES_OF(td->mr_owner_config));
    for (size_t i = 0; i < 4; i++) check_hex(quote, rtmrs[i], SW_BYTES_OF(td->rtmr[i]));
    check_hex(quote, "report_data", SW_BYTES_OF(td->report_data));
    if (td->kind == SW_TD15) {
        check_hex(quote, "tee_tcb_svn2", SW_BYTES_OF(td->tee_tcb_svn2));
        check_hex(quote, "mr_service_td", SW_BYTES_OF(td->mr_service_td));
    }
    sw_bytes view;
    assert_int_equal(sw_quote_report_data(v->quote, &view, NULL), SW_OK);
    assert_true(sw_bytes_equal(view, SW_BYTES_OF(td->report_data)));
}

/* What a policy refuses although every signature holds. */
static void check_flags(const vector *v, const sw_td_report *td) {
    static const struct {
        const char *flag, *sentence;
        size_t *count;
    } table[] = {{"DEBUG", "DEBUG", &seen.debug},
                 {"no_SEPT_VE_DISABLE", "SEPT_VE_DISABLE", &seen.no_sept},
                 {"MRSERVICETD", "MRSERVICETD", &seen.service_td}};
    const sw_json *flags = sw_json_member(v->expected, "policy_flags");
    for (const sw_json *f = flags == NULL ? NULL : flags->first; f != NULL; f = f->next)
        for (size_t i = 0; i < COUNT_OF(table); i++) {
            sw_error err = {0};
            if (!sw_bytes_is(f->text, table[i].flag)) continue;
            assert_int_equal(sw_td_attributes_check(td, false, NULL, &err), SW_REFUSED);
            assert_non_null(strstr(err.message, table[i].sentence));
            bool sept = table[i].count == &seen.no_sept; /* without a machine policy no refusal */
            assert_int_equal(sw_td_attributes_check(td, true, NULL, NULL) == SW_OK, sept);
            ++*table[i].count;
        }
    if (flags != NULL && flags->count == 0)
        assert_int_equal(sw_td_attributes_check(td, false, NULL, NULL), SW_OK);
}

static void check_verified(vector *v, const char *folder) {
    const sw_json *expected = v->expected;
    sw_tdx_verdict verdict;
    sw_error err = {0};
    if (judge(v, v->at_ms, &verdict, &err) != SW_OK) fail_msg("%s: %s", folder, err.message);
    check_status(&v->arena, expected, "tcb_status", verdict.tcb.all);
    check_status(&v->arena, expected, "platform_status", verdict.tcb.platform);
    check_status(&v->arena, expected, "module_status", verdict.tcb.module);
    check_status(&v->arena, expected, "qe_status", verdict.tcb.qe);
    if (verdict.tcb.second) {
        unsigned now = verdict.tcb.current_platform | verdict.tcb.current_module | verdict.tcb.qe;
        check_status(&v->arena, expected, "current_tcb_eval", now);
        seen.second++;
    }
    assert_int_equal(verdict.tcb.module_level, text_of(&v->arena, expected, "module_id") != NULL);
    check_advisories(expected, verdict.tcb.advisories);
    check_window(v, &verdict);
    check_pck(sw_json_member(v->notes, "quote"), &verdict.pck);
    const sw_json *numbers = sw_json_member(v->notes, "tcb_evaluation_data_number");
    assert_int_equal(verdict.tcb_evaluation_number, number_of(numbers, "tcb_info"));
    assert_int_equal(verdict.qe_evaluation_number, number_of(numbers, "qe_identity"));
    check_refused(v, verdict.valid_from_ms - 1, "is not valid yet");
    check_refused(v, verdict.valid_until_ms, "is no longer valid");
    check_refused(v, v->at_ms - 4000 * DAY_MS, "is not valid yet");
    seen.verified++;
    seen.up_to_date += verdict.tcb.all == 0;
    seen.out_of_date += verdict.tcb.all == SW_TCB_OUT_OF_DATE;
}

static bool has_error(const sw_json *expected, const char *name) {
    const sw_json *errors = sw_json_member(expected, "errors");
    for (const sw_json *e = errors == NULL ? NULL : errors->first; e != NULL; e = e->next)
        if (sw_bytes_is(e->text, name)) return true;
    return false;
}

/* REJECT, for the reason that the note gives. */
static void check_rejected(vector *v) {
    if (has_error(v->expected, "quote_chain")) { /* has no collateral: another's is good enough */
        vector other;
        assert_true(open_vector(&other, GOOD_V5));
        v->collateral = other.collateral;
        check_refused(v, other.at_ms, "a root that the machine policy does not name");
        close_vector(&other);
        seen.other_root++;
    } else if (has_error(v->expected, "pck_chain_time")) {
        check_refused(v, v->at_ms, "PCK certificate is not valid yet");
        seen.early++;
    } else if (is_text(v->expected, "tcb_status", "NotSupported")) {
        check_refused(v, v->at_ms, "is not supported");
        seen.not_supported++;
    } else {
        check_refused(v, v->at_ms, "");
    }
}

/* A quote without lists: nothing can be left out. */
static void check_incomplete(vector *v) {
    int64_t at_ms;
    assert_int_equal(sw_time_parse(SW_LITERAL("2024-09-10T00:00:00Z"), &at_ms, NULL), SW_OK);
    check_refused(v, at_ms, "root's revocation list");
    seen.without++;
}

/* The file as it was published, with what agents put behind. */
static void check_published(vector *v, const char *folder, size_t size) {
    sw_tdx_quote q;
    sw_error err = {0};
    sw_bytes published = load(&v->arena, folder, "quote_as_published.bin");
    if (published.size == 0) return;
    const sw_json *zeros =
        sw_json_member(sw_json_member(v->notes, "quote"), "published_trailing_all_zero");
    sw_status status = sw_tdx_quote_parse(published, &q, &err);
    seen.published++;
    if (status != SW_OK) fail_msg("%s: %s", folder, err.message);
    assert_int_equal(q.trailing_bytes, published.size - size);
    assert_int_equal(q.trailing_zeros, zeros != NULL && zeros->boolean);
    seen.padded += q.trailing_zeros;
}

static void check_vector(const char *folder) {
    vector v;
    sw_tdx_quote q;
    if (open_vector(&v, folder) && v.expected != NULL) {
        assert_int_equal(sw_tdx_quote_parse(v.quote, &q, NULL), SW_OK);
        seen.vectors++;
        seen.v5 += q.version == 5;
        check_fields(&v, &q);
        check_flags(&v, &q.td);
        check_published(&v, folder, v.quote.size);
        if (is_text(v.expected, "verdict", "VERIFIED"))
            check_verified(&v, folder);
        else if (is_text(v.expected, "verdict", "REJECT"))
            check_rejected(&v);
        else
            check_incomplete(&v);
    }
    close_vector(&v);
}

static void test_notes(void **state) {
    (void)state;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        if (entry->d_name[0] == 'v') check_vector(entry->d_name);
    (void)closedir(folder);
    print_message("# %zu quotes with a note, %zu of version 5: %zu verified (%zu UpToDate, %zu "
                  "OutOfDate; %zu judged twice)\n",
                  seen.vectors, seen.v5, seen.verified, seen.up_to_date, seen.out_of_date,
                  seen.second);
    print_message("# refused: %zu not supported, %zu before its PCK, %zu of another root, %zu "
                  "without lists\n",
                  seen.not_supported, seen.early, seen.other_root, seen.without);
    print_message("# refused by their attributes: %zu DEBUG, %zu without SEPT_VE_DISABLE, %zu with "
                  "MRSERVICETD\n",
                  seen.debug, seen.no_sept, seen.service_td);
    print_message("# %zu as published, %zu of them padded with zeros\n", seen.published,
                  seen.padded);
    assert_true(seen.vectors >= 40 && seen.v5 >= 5 && seen.verified >= 34 && seen.second >= 3);
    assert_true(seen.up_to_date >= 24 && seen.out_of_date >= 10 && seen.not_supported >= 3);
    assert_true(seen.early >= 1 && seen.other_root >= 1 && seen.without >= 1);
    assert_true(seen.debug >= 2 && seen.no_sept >= 2 && seen.service_td >= 2);
    assert_true(seen.published >= 12 && seen.padded >= 11);
}

/* ---- parts of other bundles ---- */
static void test_swapped_parts(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    const sw_collateral good = v.collateral;
    v.collateral.root_crl = good.pck_crl;
    check_refused(&v, v.at_ms, "not of this root");
    v.collateral = good;
    memcpy(v.collateral.tcb_info.signature, good.qe_identity.signature, 64);
    check_refused(&v, v.at_ms, "TCB info's signature does not hold");
    v.collateral = good;
    memcpy(v.collateral.qe_identity.signature, good.tcb_info.signature, 64);
    check_refused(&v, v.at_ms, "QE identity's signature does not hold");
    v.collateral = good;
    v.collateral.tcb_info = good.qe_identity;
    check_refused(&v, v.at_ms, "tcbInfo.id is not TDX");
    close_vector(&v);
}

/* What a document of the pool earns in the place of the good one's: by its dates, then by its
 * platform. */
static const char *earned(const sw_json *document, int64_t at_ms, const char *fmspc) {
    int64_t from = 0, until = 0;
    assert_int_equal(sw_time_parse(sw_json_member(document, "issueDate")->text, &from, NULL), 0);
    assert_int_equal(sw_time_parse(sw_json_member(document, "nextUpdate")->text, &until, NULL), 0);
    if (at_ms < from) return "is not valid yet";
    if (at_ms >= until) return "is no longer valid";
    if (fmspc != NULL && !is_text(document, "fmspc", fmspc)) return "another FMSPC";
    return NULL;
}

static void check_pool_document(vector *v, const char *name, const char *member,
                                sw_signed_json *place, const char *fmspc) {
    const sw_signed_json good = *place;
    sw_json *document;
    answer_load(&v->arena, "pool", name, member, place);
    assert_int_equal(sw_json_parse(&v->arena, place->text, NULL, &document, NULL), SW_OK);
    const char *sentence = earned(document, v->at_ms, fmspc);
    sw_tdx_verdict verdict;
    if (sentence != NULL)
        check_refused(v, v->at_ms, sentence);
    else
        assert_int_equal(judge(v, v->at_ms, &verdict, NULL), SW_OK);
    place->signature[0] ^= 1;
    check_refused(v, v->at_ms, "signature does not hold");
    *place = good;
}

/* One day on which both lists of 2026-07-16 and the vector's other parts hold. */
static void check_pool_list(const char *name) {
    vector v;
    sw_tdx_verdict verdict;
    sw_error err = {0};
    int64_t at_ms;
    assert_true(open_vector(&v, "v4-b0c06f-near-2026-08-eval-mismatch"));
    assert_int_equal(sw_time_parse(SW_LITERAL("2026-08-14T00:00:00Z"), &at_ms, NULL), SW_OK);
    v.collateral.pck_crl = load(&v.arena, "pool", name);
    if (strstr(name, "processor") != NULL)
        check_refused(&v, at_ms, "not of the PCK certificate's issuer");
    else if (judge(&v, at_ms, &verdict, &err) != SW_OK)
        fail_msg("%s: %s", name, err.message);
    else
        check_refused(&v, at_ms + 2 * DAY_MS, "PCK revocation list is no longer valid");
    close_vector(&v);
}

static void test_pool(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    DIR *folder = opendir(VECTORS "/pool");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        const char *name = entry->d_name;
        if (strncmp(name, "tcb_", 4) == 0) {
            check_pool_document(&v, name, "tcbInfo", &v.collateral.tcb_info, "B0C06F000000");
            seen.pool_info++;
        } else if (strncmp(name, "tdqe_", 5) == 0) {
            check_pool_document(&v, name, "enclaveIdentity", &v.collateral.qe_identity, NULL);
            seen.pool_identity++;
        } else if (strncmp(name, "pck_crl_", 8) == 0) {
            check_pool_list(name);
            seen.pool_list++;
        }
    }
    (void)closedir(folder);
    close_vector(&v);
    print_message("# of the pool: %zu TCB infos, %zu QE identities, %zu lists\n", seen.pool_info,
                  seen.pool_identity, seen.pool_list);
    assert_true(seen.pool_info >= 16 && seen.pool_identity >= 6 && seen.pool_list >= 3);
}

static void test_other_fmspc(void **state) {
    (void)state;
    vector v, other;
    assert_true(open_vector(&v, "v4-b0c06f-uptodate-near-2026-03"));
    assert_true(open_vector(&other, "v4-90c06f-aztdx-uptodate-2026-03-live"));
    v.collateral.tcb_info = other.collateral.tcb_info;
    check_refused(&v, v.at_ms, "another FMSPC");
    close_vector(&v);
    close_vector(&other);
}

static void test_other_anchor(void **state) {
    (void)state;
    vector v;
    assert_true(open_vector(&v, GOOD));
    intel.anchors[0].b[31] ^= 1;
    check_refused(&v, v.at_ms, "a root that the machine policy does not name");
    intel.anchors[0].b[31] ^= 1;
    close_vector(&v);
}

static void test_broken_quotes(void **state) {
    (void)state;
    static const char *const folders[] = {"neg-v4-corrupt-pem", "neg-v4-truncated-632"};
    static const char *const sentences[] = {"PCK chain", "ends inside its signature data"};
    vector v;
    assert_true(open_vector(&v, GOOD));
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        v.quote = load(&v.arena, folders[i], "quote.bin");
        assert_true(v.quote.size > 0);
        check_refused(&v, v.at_ms, sentences[i]);
    }
    close_vector(&v);
}

/* The old TCB signer and the new one share key and serial number: either is the signer until its
 * own dates end, and what one signed holds under the other. */
static void signer_from(vector *v, const char *name) {
    char chain[8192];
    sw_bytes signer = load(&v->arena, "roots", name);
    sw_bytes root = load(&v->arena, "roots", "intel_sgx_root_ca.pem");
    (void)snprintf(chain, sizeof chain, "%.*s%.*s", (int)signer.size, (const char *)signer.data,
                   (int)root.size, (const char *)root.data);
    v->collateral.tcb_info.issuer_chain = sw_arena_copy(&v->arena, sw_text(chain));
}

static void test_two_signers(void **state) {
    (void)state;
    vector v;
    sw_tdx_verdict verdict;
    assert_true(open_vector(&v, GOOD));
    signer_from(&v, "intel_tcb_signing_2025.pem");
    assert_int_equal(judge(&v, v.at_ms, &verdict, NULL), SW_OK);
    signer_from(&v, "intel_tcb_signing_2018.pem");
    check_refused(&v, v.at_ms, "TCB signing certificate is no longer valid");
    close_vector(&v);
    assert_true(open_vector(&v, "v4-20a06f-uptodate-near-2025-03"));
    signer_from(&v, "intel_tcb_signing_2018.pem");
    assert_int_equal(judge(&v, v.at_ms, &verdict, NULL), SW_OK);
    signer_from(&v, "intel_tcb_signing_2025.pem");
    check_refused(&v, v.at_ms, "TCB signing certificate is not valid yet");
    close_vector(&v);
}

int main(void) {
    if (!intel_open()) return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),        cmocka_unit_test(test_swapped_parts),
        cmocka_unit_test(test_pool),         cmocka_unit_test(test_other_fmspc),
        cmocka_unit_test(test_other_anchor), cmocka_unit_test(test_broken_quotes),
        cmocka_unit_test(test_two_signers),
    };
    return cmocka_run_group_tests_name("intel", tests, NULL, NULL);
}

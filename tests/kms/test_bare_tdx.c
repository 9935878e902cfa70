/* SPDX-License-Identifier: Apache-2.0
 *
 * A key service in a TDX guest that has no key to seal with: over a kernel and a provisioning
 * service of the test's own, its root lives as long as a start (KMS-092, KMS-094). The machine that
 * asks for keys is a software machine.
 */
#include "attest/forge.h"
#include "kms/world.h"
#include "machine/pcs.h"
#include "machine/td_forged.h"

#include <glob.h>

static forge house;
static pcs service;
static td td_guest;
static td_quoter quoter = {.house = &house, .no_mr_config = true};
static char address[64];
static sw_collateral_source source;
static sw_machine_places places;

/* What the image's measured init does when the guest boots with this compose. */
static void init_runs(const sw_hash *compose) {
    const kernel plan = {.quote = td_forged_quote, .quote_context = &quoter};
    sw_event events[SW_EVENT_LIMIT];
    const size_t count = house.good.event_count;
    for (size_t i = 0; i < count; i++) {
        events[i] = house.good.events[i];
        if (sw_bytes_is(events[i].name, "compose-hash"))
            events[i].payload = SW_BYTES_OF(compose->b);
    }
    td_boot(&td_guest, &plan, events, count);
}

static int setup(void **state) {
    (void)state;
    forge_open(&house);
    if (!pcs_start(&service, house.folder)) return -1;
    td_place(&td_guest, service.work);
    (void)snprintf(address, sizeof address, "https://127.0.0.1:%u/good", service.port);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pcs_stop(&service);
    forge_close(&house);
    return 0;
}

/* A world whose key service runs on this machine; not started yet. */
static world *bare_world(void) {
    world *w = world_begin();
    init_runs(&w->reference.compose);
    source = (sw_collateral_source){.pcs_url = address,
                                    .ca_file = service.ca,
                                    .anchors = &house.policy,
                                    .timeout_ms = 20000,
                                    .clock = w->options.clock};
    places = (sw_machine_places){.tsm = &td_guest.tsm,
                                 .events_path = td_guest.events_path,
                                 .clocksource_path = td_guest.clock_path,
                                 .collateral = &source};
    w->reference.policy = house.policy;
    w->imitates_tdx = true;
    w->options.machine = "tdx";
    w->options.places = &places;
    return w;
}

static world *bare_world_ready(void) {
    world *w = bare_world();
    world_found(w);
    assert_false(sw_kms_keeps_root(w->kms));
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock_all(w);
    return w;
}

static size_t count_files(const world *w, const char *pattern) {
    char path[256];
    glob_t found = {0};
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, pattern);
    int status = glob(path, 0, NULL, &found);
    size_t count = status == GLOB_NOMATCH ? 0 : found.gl_pathc;
    assert_true(status == 0 || status == GLOB_NOMATCH);
    globfree(&found);
    return count;
}

static void consent_again(world *w) {
    use_recipe(w, &(recipe_plan){0});
}

/* Another start has another root: what was consented to the one before opens no more, what is
 * consented anew does, and the app goes on. */
static void test_a_root_for_each_start(void **state) {
    (void)state;
    world *w = bare_world_ready();
    const sw_p256_public first = w->self.root;
    assert_int_equal(keys_granted(w, (ask){0}).number, 1);
    assert_int_equal(keys_granted(w, (ask){0}).number, 2);
    restart_kms(w);
    assert_memory_not_equal(w->self.root.b, first.b, sizeof first.b);
    keys_refused(w, (ask){0}, "locked");
    unlock_all(w);
    keys_refused(w, (ask){0}, "consent");
    consent_again(w);
    assert_int_equal(keys_granted(w, (ask){0}).number, 1);
    assert_int_equal(count_files(w, "root.sealed"), 0);
    assert_int_equal(count_files(w, "audit.db"), 0);
    assert_int_equal(count_files(w, "audit-*.db"), 2);
    world_free(w);
}

static void test_a_revocation_outlives_the_root(void **state) {
    (void)state;
    world *w = bare_world_ready();
    enter(w, 0, SW_PAYLOAD_REVOKE);
    restart_kms(w);
    unlock_all(w);
    consent_again(w);
    keys_refused(w, (ask){0}, "revoked");
    world_free(w);
}

/* MCH-093: the kernel leaves the TSC, and with it goes every lease and every owner's word, for
 * good: no word that is given after it counts, and no look is given to give one. */
static void test_a_lost_counter(void **state) {
    (void)state;
    world *w = bare_world_ready();
    SW_SCOPED(sw_buffer) first = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_SCOPED(sw_buffer) renewal = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    const sw_hash nonce = named_hash('n');
    ask again = {.body = &first}, more = {.body = &renewal};
    more.renew = keys_granted(w, (ask){0}).number;
    answer unsent[] = {ask_keys(w, &again), ask_keys(w, &more)};
    for (size_t i = 0; i < COUNT(unsent); i++) answer_free(&unsent[i]);
    const sw_p256_public owner = new_peer(w);
    look(w, &owner);
    for (int round = 0; round < 2; round++) { /* it comes back, and is not believed */
        td_write(td_guest.clock_path, round == 0 ? SW_LITERAL("hpet\n") : SW_LITERAL("tsc\n"));
        w->time.wall += 1000;
        w->time.steady += 1000;
        for (size_t i = 0; i < OWNERS; i++) {
            const sw_unlock_statement s = statement_of(w, i);
            expect(send_unlock(w, &s, i, &owner), "silence");
        }
        expect(tell(w, "POST", "/v1/look", SW_BYTES_OF(nonce.b), &owner), "silence");
        expect(tell(w, "POST", "/v1/challenge", SW_BYTES_OF(nonce.b), &owner), "silence");
        expect(tell(w, "POST", app_path(w, "/keys"), bytes_of(&first), &again.used_peer),
               "silence");
        expect(tell(w, "POST", app_path(w, "/keys"), bytes_of(&renewal), &more.used_peer),
               "silence");
    }
    world_free(w);
}

/* Nothing is sealed for a later start, and nothing that lies there is taken for one. */
static void test_a_sealed_root_is_no_root_here(void **state) {
    (void)state;
    world *w = bare_world();
    sw_kms *k = NULL;
    sw_error err = {0};
    char path[128];
    w->options.machine = w->where; /* a start on a machine that seals leaves one */
    assert_int_equal(sw_kms_open(&w->options, &k, NULL), SW_OK);
    assert_true(sw_kms_keeps_root(k));
    sw_kms_close(&k);
    assert_int_equal(count_files(w, "root.sealed"), 1);
    w->options.machine = "tdx";
    assert_int_equal(sw_kms_open(&w->options, &k, &err), SW_REFUSED);
    assert_string_equal(err.word, "root");
    assert_non_null(strstr(err.message, "has no key that could have sealed"));
    assert_string_not_equal(err.hint, "");
    assert_int_equal(count_files(w, "root.sealed"), 1);
    (void)snprintf(path, sizeof path, "%s/root.sealed", w->dir);
    assert_int_equal(unlink(path), 0);
    start_kms(w);
    assert_false(sw_kms_keeps_root(w->kms));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_root_for_each_start),
        cmocka_unit_test(test_a_revocation_outlives_the_root),
        cmocka_unit_test(test_a_sealed_root_is_no_root_here),
        cmocka_unit_test(test_a_lost_counter),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a key service shows of a ledger is what it judges by, also when its disk failed in the
 * middle of an append, or when another process wrote into the journal (KMS-022).
 */
#include "kms/world.h"

#include <errno.h>
#include <sys/syscall.h>

/* SQLite's, in this program: the one with this number, counted down, fails. */
static unsigned fails_in;
__attribute__((visibility("default"))) int fdatasync(int fd) {
    if (fails_in != 0 && --fails_in == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* Each sync of a revocation's append fails once: what is shown afterwards is heeded, what is not
 * shown can be said again, and the ledger goes on either way. */
static void test_a_disk_that_fails(void **state) {
    (void)state;
    unsigned syncs = 0, shown = 0;
    for (unsigned nth = 1, done = 0; !done; nth++) {
        world *w = world_ready();
        (void)keys_granted(w, (ask){0});
        uint64_t before = ledger_head(w).index;
        sw_entry e = entry_of(w, 2, SW_PAYLOAD_REVOKE);
        fails_in = nth;
        answer a = submit(w, &e, 2);
        done = fails_in != 0; /* it took fewer syncs than that */
        fails_in = 0;
        syncs += a.http != 200;
        assert_true(!done || a.http == 200);
        bool stands = ledger_head(w).index > before;
        shown += stands && a.http != 200;
        answer_free(&a);
        if (!stands) enter(w, 2, SW_PAYLOAD_REVOKE);
        keys_refused(w, (ask){0}, "revoked");
        w->p.sequences[2] = e.sequence;
        enter(w, 2, SW_PAYLOAD_LIFT);
        enter(w, 0, SW_PAYLOAD_APPROVE);
        enter(w, 1, SW_PAYLOAD_APPROVE);
        (void)keys_granted(w, (ask){0});
        world_free(w);
    }
    assert_true(syncs >= 3); /* PERSIST and FULL: journal, file, journal's header */
    assert_true(shown >= 1);
}

/* The same at a grant's entry: what the log holds is counted, and the log holds after a restart. */
static void test_a_disk_that_fails_at_a_grant(void **state) {
    (void)state;
    unsigned counted = 0;
    for (unsigned nth = 1, done = 0; !done; nth++) {
        world *w = world_new();
        use_recipe(w, &(recipe_plan){.grants = 1});
        boot_machine(w);
        enter(w, 0, SW_PAYLOAD_APPROVE);
        enter(w, 1, SW_PAYLOAD_APPROVE);
        unlock_all(w);
        uint64_t before = head_of(w, "/v1/audit/1").index;
        fails_in = nth;
        answer a = ask_keys(w, &(ask){0});
        done = fails_in != 0;
        fails_in = 0;
        assert_true(!done || a.http == 200);
        bool granted = a.http == 200; /* a folder's sync fails unheard */
        answer_free(&a);
        bool stands = head_of(w, "/v1/audit/1").index > before;
        assert_true(stands || !granted);
        counted += stands && !granted;
        if (!stands) (void)keys_granted(w, (ask){0});
        keys_refused(w, (ask){0}, "grants");
        restart_kms(w);
        unlock_all(w);
        keys_refused(w, (ask){0}, "grants");
        world_free(w);
    }
    assert_true(counted >= 1);
}

/* An append that ran, or runs, in another process. */
static void append_beside(world *w, sw_entry *e, size_t i) {
    char path[256], hex[65];
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_journal *j = NULL;
    sw_hex_text(hex, SW_BYTES_OF(w->p.genesis.hash.b));
    (void)snprintf(path, sizeof path, "%s/apps/%s.db", w->dir, hex);
    sign_entry(&w->p, e, i, &envelope);
    assert_int_equal(sw_journal_open_sqlite(path, &w->p.genesis.hash, &j, NULL), SW_OK);
    assert_int_equal(sw_journal_append(j, NULL, bytes_of(&envelope), NULL, NULL), SW_OK);
    sw_journal_close(&j);
}

static void test_another_process_appends(void **state) {
    (void)state;
    world *w = world_ready();
    sw_grant g = keys_granted(w, (ask){0});
    sw_entry e = entry_of(w, 2, SW_PAYLOAD_REVOKE);
    append_beside(w, &e, 2);
    keys_refused(w, (ask){.renew = g.number}, "revoked"); /* nobody has read it since */
    keys_refused(w, (ask){0}, "revoked");
    w->p.sequences[2] = e.sequence;
    enter(w, 2, SW_PAYLOAD_LIFT); /* the ledger goes on behind it */
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

/* An entry that no rule allows is no reason to judge by what came before it. */
static void test_an_entry_that_breaks_the_rules(void **state) {
    (void)state;
    world *w = world_ready();
    (void)keys_granted(w, (ask){0});
    sw_entry e = entry_of(w, 2, SW_PAYLOAD_LIFT); /* of nothing */
    append_beside(w, &e, 2);
    answer a = ask_keys(w, &(ask){0});
    assert_int_equal(a.http, 503);
    assert_string_equal(a.refusal.word, "ledger");
    answer_free(&a);
    e = entry_of(w, 2, SW_PAYLOAD_REVOKE);
    a = submit(w, &e, 2);
    assert_int_equal(a.http, 503);
    answer_free(&a);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 0);
    a = send_unlock(w, &s, 0, &peer);
    assert_int_equal(a.http, 503);
    answer_free(&a);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_disk_that_fails),
        cmocka_unit_test(test_a_disk_that_fails_at_a_grant),
        cmocka_unit_test(test_another_process_appends),
        cmocka_unit_test(test_an_entry_that_breaks_the_rules),
    };
    return cmocka_run_group_tests_name("kms/shown", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners' words, receipts and approvals: all signed by the right keys, and each case breaks one
 * rule of what follows from what (docs/formats/manifest.md, MAN-064 to MAN-066, MAN-080 to
 * MAN-084).
 */
#include "manifest/forged_walk.h"

/* The third receipt is of the same grant and machine too, and was given within the lease. */
static void renewed_again(forge *f, uint64_t renewal) {
    f->grants[2].purpose = SW_PURPOSE_TRAIN;
    f->grants[2].number = 1;
    f->grants[2].renewal = renewal;
    f->grants[2].granted_ms = f->grants[1].granted_ms + 300000;
    f->machine_of[2] = 0;
    f->resigned_by = 0;
    f->facts.machine = f->machine_public[0];
    f->facts.resumes = 0;
    f->facts.finished_ms = f->grants[2].granted_ms + 300000;
}

/* Each in turn, and with one or many between that nobody has. */
static void test_renewals(void **state) {
    forge *f = *state;
    const uint64_t next[] = {2, 3, 1000000};
    for (size_t i = 0; i < COUNT(next); i++) {
        sw_manifest_verdict v;
        forge_plan(f);
        renewed_again(f, next[i]);
        forge_make(f);
        sw_manifest_input in = forge_input(f);
        in.model = NULL; /* signed by the other machine key */
        accepted(&in, &v);
    }
}

/* One run without a restart, and one in which an owner spoke again. */
static void test_other_runs(void **state) {
    forge *f = *state;
    sw_manifest_verdict v;
    forge_plan(f);
    f->grant_count = 2;
    f->resigned_by = 0;
    f->facts.machine = f->machine_public[0];
    f->facts.resumes = 0;
    f->facts.finished_ms = START_MS + 300000;
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    in.model = NULL; /* signed by the other machine key */
    accepted(&in, &v);

    forge_plan(f);
    for (size_t i = 1; i < GRANTS; i++) {
        f->words[i][1].sequence = 900 + i;
        f->words[i][1].time_ms = START_MS + 1000;
    }
    f->grants[0].granted_ms = f->facts.started_ms = START_MS + 300000;
    f->grants[1].granted_ms = START_MS + 299000; /* that owner's clock had been ahead */
    forge_make(f);
    in = forge_input(f);
    accepted(&in, &v);

    forge_plan(f); /* resumed under another key service, whose numbers begin again */
    for (size_t k = 0; k < OWNERS; k++) {
        f->words[2][k].root = f->machine_public[0];
        f->words[2][k].boot_nonce = named_hash('B');
    }
    f->grants[2].number = 1;
    f->grants[2].audit.index = 4;
    forge_make(f);
    in = forge_input(f);
    accepted(&in, &v);
}

/* ---- owners' words and receipts ---- */

static void other_order(forge *f) {
    sw_unlock_statement s = f->words[0][0];
    f->words[0][0] = f->words[0][1];
    f->words[0][1] = s;
}
static void one_owner_silent(forge *f) {
    f->word_count = 2;
}
static void one_word_more(forge *f) {
    f->word_count = OWNERS + 1;
}
static void one_owner_twice(forge *f) {
    f->words[1][2] = f->words[1][1];
}
static void other_start(forge *f) {
    f->words[1][2].boot_nonce = named_hash('B');
}
static void other_receipt_key(forge *f) {
    f->words[1][2].receipt = f->root;
}
static void other_root(forge *f) {
    f->words[1][2].root = f->receipt_public;
}
static void forked_ledger(forge *f) {
    f->words[2][1].ledger = (sw_head){1, named_hash('f')};
}
static void longer_ledger(forge *f) {
    f->words[2][1].ledger.index = 9;
}
static void word_after_receipt(forge *f) {
    f->words[0][1].audit.index = 10;
}
static void other_signer(forge *f) { /* every word names a receipt key that did not sign */
    for (size_t k = 0; k < OWNERS; k++) f->words[0][k].receipt = f->root;
}
static void other_app(forge *f) {
    f->grants[1].genesis = named_hash('g');
}
static void other_compose(forge *f) {
    f->grants[0].compose = named_hash('x');
}
static void shard_left_out(forge *f) {
    f->grants[0].dataset_count = 2;
}
static void shard_swapped(forge *f) {
    sw_hash first = f->grants[2].datasets[0];
    f->grants[2].datasets[0] = f->grants[2].datasets[1];
    f->grants[2].datasets[1] = first;
}
static void longer_lease(forge *f) {
    f->grants[2].lease_ms++;
}
static void number_zero(forge *f) {
    f->grants[0].number = 0;
}
static void number_above(forge *f) {
    f->grants[2].number = 9;
}
static void hides_simulation(forge *f) {
    f->grants[0].simulated = false;
}
static void granted_before_words(forge *f) {
    f->grants[0].granted_ms = START_MS - 5001;
}
static void silent_too_long(forge *f) {
    f->words[0][1].time_ms = START_MS - 3600001;
}
static void begins_resuming(forge *f) {
    f->grants[0].purpose = SW_PURPOSE_RESUME;
    f->grants[1].purpose = SW_PURPOSE_RESUME;
}
static void begins_renewed(forge *f) {
    f->grants[0].renewal = 1;
    f->grants[1].renewal = 2;
}
static void for_replay(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_REPLAY;
}
static void for_opening(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_OPEN;
    f->grants[2].open_manifest = named_hash('m');
    f->grants[2].open_recipient = f->root;
}
static void renewal_twice(forge *f) {
    renewed_again(f, 1);
}
static void renewal_of_another(forge *f) {
    f->grants[1].number = 2;
    f->grants[2].number = 3;
}
static void renewal_by_another_machine(forge *f) {
    f->machine_of[1] = 1;
}
static void renewal_after_restart(forge *f) {
    for (size_t k = 0; k < OWNERS; k++) f->words[1][k].boot_nonce = named_hash('B');
}
static void renewal_after_end(forge *f) {
    f->grants[1].granted_ms = START_MS + 600001;
    f->grants[2].granted_ms = START_MS + 700000;
}
static void renewal_before_begin(forge *f) {
    f->grants[1].granted_ms = START_MS - 1;
}
static void renewal_for_other_purpose(forge *f) {
    f->grants[1].purpose = SW_PURPOSE_RESUME;
}
static void resumed_by_same_key(forge *f) {
    f->machine_of[0] = f->machine_of[1] = 1;
}
static void resumed_by_same_number(forge *f) {
    f->grants[2].number = 1;
}
static void resumed_to_train(forge *f) {
    f->grants[2].purpose = SW_PURPOSE_TRAIN;
}
static void audit_back(forge *f) {
    f->grants[2].audit.index = 11;
}
static void ledger_back(forge *f) { /* the newest receipt rests on one approval less */
    f->grants[2].ledger.index = 1;
}
static void older_words(forge *f) {
    for (size_t k = 0; k < OWNERS; k++) f->words[2][k].sequence = 5;
}
static void no_grant(forge *f) {
    f->grant_count = 0;
}

static const struct {
    const char *name;
    void (*change)(forge *f);
    const char *link, *sentence;
} grant_cases[] = {
    {"words in another order", other_order, "owners' words", "in order"},
    {"an owner's word is missing", one_owner_silent, "owners' words", "no word of"},
    {"a word more than owners", one_word_more, "owners' words", "not those of"},
    {"an owner's word twice", one_owner_twice, "owners' words", "in order"},
    {"words to two starts", other_start, "owners' words", "different starts"},
    {"words for two receipt keys", other_receipt_key, "owners' words", "different starts"},
    {"words for two roots", other_root, "owners' words", "different starts"},
    {"a word for another ledger", forked_ledger, "owners' words", ""},
    {"a word for a longer ledger", longer_ledger, "owners' words", ""},
    {"a word that is newer than its receipt", word_after_receipt, "grants", "newer"},
    {"a receipt key that nobody named", other_signer, "grants", ""},
    {"a receipt for another app", other_app, "grants", "another app"},
    {"a receipt for another recipe", other_compose, "grants", "another app or recipe"},
    {"a receipt for fewer shards", shard_left_out, "grants", "other shards"},
    {"a receipt for shards in another order", shard_swapped, "grants", "other shards"},
    {"another lease", longer_lease, "grants", "lease or number"},
    {"number 0", number_zero, "grants", "lease or number"},
    {"a number above the grants", number_above, "grants", "lease or number"},
    {"a receipt that hides the simulation", hides_simulation, "grants", "simulated"},
    {"granted before every word", granted_before_words, "grants", "older"},
    {"an owner silent for too long", silent_too_long, "grants", "max_silence"},
    {"begins with resuming", begins_resuming, "grants", "first receipt"},
    {"begins with a renewal", begins_renewed, "grants", "first receipt"},
    {"a receipt to replay", for_replay, "grants", "neither"},
    {"a receipt to open", for_opening, "grants", "neither"},
    {"the same renewal twice", renewal_twice, "grants", "renewal"},
    {"a renewal of another grant", renewal_of_another, "grants", "renewal"},
    {"a renewal by another machine key", renewal_by_another_machine, "grants", "renewal"},
    {"a renewal by a service started anew", renewal_after_restart, "grants", "renewal"},
    {"a renewal for another purpose", renewal_for_other_purpose, "grants", "renewal"},
    {"a renewal after the lease", renewal_after_end, "grants", "renewed"},
    {"a renewal before the lease", renewal_before_begin, "grants", "renewed"},
    {"resumed with the same machine key", resumed_by_same_key, "grants", "neither"},
    {"resumed with the same number", resumed_by_same_number, "grants", "neither"},
    {"resumed by a grant to train", resumed_to_train, "grants", "neither"},
    {"an audit log that goes back", audit_back, "grants", "order"},
    {"a ledger that goes back", ledger_back, "grants", "order"},
    {"words that were replaced before", older_words, "grants", "order"},
    {"no grant", no_grant, "grants", "no grant"},
};

static void test_grants(void **state) {
    forge *f = *state;
    for (size_t i = 0; i < COUNT(grant_cases); i++) {
        forge_plan(f);
        grant_cases[i].change(f);
        forge_make(f);
        const sw_manifest_input in = forge_input(f);
        refused(&in, grant_cases[i].name, grant_cases[i].link, grant_cases[i].sentence);
    }
}

/* The ledger ends where the newest receipt says: nothing left out, nothing added. */
static void test_ledger_end(void **state) {
    forge *f = *state;
    forge_plan(f);
    for (size_t i = 0; i < GRANTS; i++) f->grants[i].ledger.index = 1;
    forge_make(f);
    sw_manifest_input in = forge_input(f);
    refused(&in, "a head that is not on the chain", "approval", "");
    sw_head first;
    sw_journal *one;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) envelope = SW_BUFFER(1 << 14);
    sw_entry e = entry_of(f->w, 0, SW_PAYLOAD_APPROVE);
    sign_entry(&f->w->p, &e, 0, &envelope);
    must(sw_journal_open_memory(&f->w->p.genesis.hash, &one, &err), &err);
    must(sw_journal_append(one, NULL, bytes_of(&envelope), &first, &err), &err);
    sw_journal_close(&one);
    forge_plan(f);
    for (size_t i = 0; i < GRANTS; i++) f->grants[i].ledger = first;
    forge_make(f);
    in = forge_input(f);
    refused(&in, "one approval stood", "approval", "approv");
    forge_plan(f); /* the first two receipts rest on one approval */
    f->grants[0].ledger = f->grants[1].ledger = first;
    forge_make(f);
    in = forge_input(f);
    refused(&in, "one approval stood at first", "approval", "approv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_runs), cmocka_unit_test(test_renewals),
        cmocka_unit_test(test_grants), cmocka_unit_test(test_ledger_end)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

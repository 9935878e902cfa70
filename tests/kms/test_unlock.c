/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's word: when it is taken and when not (docs/formats/kms.md, KMS-040 ... KMS-043), and
 * that a ledger or audit log that was put back is noticed.
 */
#include "kms/world.h"

static void copy_file(const char *from, const char *to) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER((size_t)64 << 20);
    assert_int_equal(sw_file_read(from, (size_t)64 << 20, &file, NULL), SW_OK);
    assert_int_equal(sw_file_write(to, bytes_of(&file), 0600, SW_WRITE_REPLACE, NULL), SW_OK);
}

static void journal_path(const world *w, bool audit, char out[256]) {
    char hex[65];
    sw_hex_text(hex, SW_BYTES_OF(w->p.genesis.hash.b));
    if (audit)
        (void)snprintf(out, 256, "%s/audit.db", w->dir);
    else
        (void)snprintf(out, 256, "%s/apps/%s.db", w->dir, hex);
}

/* Looks, lets `change` spoil the statement, and expects a word. */
static void statement_refused(world *w, const char *word,
                              void (*change)(world *, sw_unlock_statement *)) {
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 0);
    change(w, &s);
    expect(send_unlock(w, &s, 0, &peer), word);
}

static void other_boot(world *w, sw_unlock_statement *s) {
    (void)w;
    s->boot_nonce.b[0] ^= 1;
}
static void other_root(world *w, sw_unlock_statement *s) {
    s->root = new_peer(w);
}
static void other_receipt(world *w, sw_unlock_statement *s) {
    s->receipt = new_peer(w);
}
static void other_app(world *w, sw_unlock_statement *s) {
    (void)w;
    s->genesis.b[5] ^= 1;
}
static void longer_ledger(world *w, sw_unlock_statement *s) {
    (void)w;
    s->ledger.index++;
}
static void forked_ledger(world *w, sw_unlock_statement *s) {
    (void)w;
    s->ledger.hash.b[0] ^= 1;
}
static void longer_audit(world *w, sw_unlock_statement *s) {
    (void)w;
    s->audit.index += 1000;
}
static void forked_audit(world *w, sw_unlock_statement *s) {
    (void)w;
    s->audit.hash.b[31] ^= 1;
}
static void other_owner(world *w, sw_unlock_statement *s) { /* signed by owner 0 */
    s->owner = w->p.genesis.owners[1].id;
}
static void nobody(world *w, sw_unlock_statement *s) {
    (void)w;
    s->owner = named_hash('n');
}

static void test_what_a_statement_names(void **state) {
    (void)state;
    world *w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    statement_refused(w, "replay", other_boot);
    statement_refused(w, "replay", other_root);
    statement_refused(w, "replay", other_receipt);
    statement_refused(w, "statement", other_app);
    statement_refused(w, "rollback", longer_ledger);
    statement_refused(w, "rollback", forked_ledger);
    statement_refused(w, "rollback", longer_audit);
    statement_refused(w, "rollback", forked_audit);
    statement_refused(w, "signature", other_owner);
    statement_refused(w, "signature", nobody);
    keys_refused(w, (ask){0}, "locked"); /* none of it unlocked anything */
    unlock_all(w);
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

static void test_looking_comes_first(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w), other = new_peer(w);
    sw_unlock_statement s = statement_of(w, 0);
    expect(send_unlock(w, &s, 0, &peer), "replay"); /* this peer never looked */
    look(w, &other);
    expect(send_unlock(w, &s, 0, &peer), "replay"); /* another one did */
    look(w, &peer);
    w->time.steady += SW_KMS_LEAST_MS + 1;
    expect(send_unlock(w, &s, 0, &peer), "replay"); /* too long ago */
    look(w, &peer);
    w->time.steady += SW_KMS_LEAST_MS;
    expect(send_unlock(w, &s, 0, &peer), "");
    s = statement_of(w, 0);
    expect(send_unlock(w, &s, 0, &peer), "replay");   /* one look, one unlock */
    expect(send_unlock(w, &s, 0, NULL), "signature"); /* without a TLS key */
    world_free(w);
}

/* The owner's time counts from the look, not from when the host delivered the statement. */
static void test_time_counts_from_the_look(void **state) {
    (void)state;
    world *w = world_new();
    use_recipe(w, &(recipe_plan){.max_silence = "10m"});
    boot_machine(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock(w, 0);
    unlock(w, 1);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 2);
    w->time.steady += 50000;
    expect(send_unlock(w, &s, 2, &peer), "");
    unlock(w, 0);
    unlock(w, 1);
    w->time.steady += 550000;
    (void)keys_granted(w, (ask){0});
    w->time.steady += 1;
    keys_refused(w, (ask){0}, "silence");
    world_free(w);
}

static void test_only_newer_words(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement first = statement_of(w, 0), later;
    expect(send_unlock(w, &first, 0, &peer), "");
    look(w, &peer);
    expect(send_unlock(w, &first, 0, &peer), "replay"); /* the same again */
    look(w, &peer);
    later = statement_of(w, 0);
    later.sequence = first.sequence - 1;
    expect(send_unlock(w, &later, 0, &peer), "replay");
    look(w, &peer);
    later = statement_of(w, 0);
    later.time_ms--; /* the clock went backwards */
    expect(send_unlock(w, &later, 0, &peer), "replay");
    look(w, &peer);
    later = statement_of(w, 0);
    expect(send_unlock(w, &later, 0, &peer), "");
    restart_kms(w); /* for another start it is worth nothing */
    look(w, &peer);
    expect(send_unlock(w, &later, 0, &peer), "replay");
    world_free(w);
}

/* A clock that stood ahead once: what is said is the way out, and it is one (KMS-042). */
static void test_a_clock_that_stood_ahead(void **state) {
    (void)state;
    world *w = world_new();
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement ahead = statement_of(w, 0);
    ahead.time_ms += 86400000;
    expect(send_unlock(w, &ahead, 0, &peer), "");
    look(w, &peer);
    sw_unlock_statement right = statement_of(w, 0);
    answer a = send_unlock(w, &right, 0, &peer);
    assert_string_equal(a.refusal.word, "replay");
    assert_non_null(strstr(a.refusal.hint, "restart the key service"));
    answer_free(&a);
    restart_kms(w);
    look(w, &peer);
    right = statement_of(w, 0);
    expect(send_unlock(w, &right, 0, &peer), "");
    world_free(w);
}

static void test_secret_in_transit(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 0), next;
    SW_SCOPED(sw_buffer) body = SW_BUFFER(1 << 16);
    SW_SCOPED(sw_buffer) other = SW_BUFFER(1 << 16);
    put_unlock(w, &s, 0, &w->secrets[0], &body);
    for (size_t back = 1; back <= 40; back += 13) { /* the sealed secret is the last field */
        body.data[body.size - back] ^= 1;
        look(w, &peer);
        expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "statement");
        body.data[body.size - back] ^= 1;
    }
    /* A secret that was sealed beside another statement does not open beside this one. */
    next = statement_of(w, 0);
    put_unlock(w, &next, 0, &w->secrets[0], &other);
    size_t tail = 4 + SW_HPKE_ENC_BYTES + 4 + SW_KMS_SECRET_BYTES;
    memcpy(body.data + body.size - tail, other.data + other.size - tail, tail);
    look(w, &peer);
    expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "statement");
    (void)keys_granted(w, (ask){0}); /* the earlier word still stands */
    world_free(w);
}

/* A wrong secret unlocks and opens nothing: the key service cannot know, the machine does. */
static void test_a_wrong_secret_opens_nothing(void **state) {
    (void)state;
    world *w = world_ready();
    sw_p256_public peer = new_peer(w);
    sw_unlock_secret wrong = {{7}};
    SW_SCOPED(sw_buffer) body = SW_BUFFER(1 << 16);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 1);
    put_unlock(w, &s, 1, &wrong, &body);
    expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "");
    ask q = {0};
    answer a = ask_keys(w, &q);
    assert_int_equal(a.http, 200);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    uint8_t plain[OWNERS * SW_KMS_KEYS_BYTES];
    sw_hpke_keys keys;
    sw_data_key key;
    sw_reader r = sw_reader_of(bytes_of(&a.body));
    sw_bytes enc = sw_read_field(&r, 65), sealed = sw_read_field(&r, 1 << 14);
    sw_bytes receipt = sw_read_field(&r, 1 << 16);
    sw_kms_keys_info(&info, &w->p.genesis.hash, &w->x, &q.used_challenge);
    const sw_hpke_info binding = {.info = bytes_of(&info)};
    assert_int_equal(sw_hpke_setup_receiver(q.response_key.b, enc.data, &binding, &keys, NULL),
                     SW_OK);
    assert_int_equal(sw_hpke_unseal(&keys, receipt, sealed, plain, NULL), SW_OK);
    for (size_t i = 0; i < OWNERS; i++) {
        memcpy(keys.key, plain + i * SW_KMS_KEYS_BYTES, 32);
        memcpy(keys.base_nonce, plain + i * SW_KMS_KEYS_BYTES + 32, 12);
        assert_int_equal(sw_consent_unwrap(&w->consents[i], &keys, &key, NULL),
                         i == 1 ? SW_UNAUTHENTIC : SW_OK);
    }
    answer_free(&a);
    world_free(w);
}

/* ---- putting back ---- */
/* The host restores the ledger from before a revocation: the owner who knows it gives no word. */
static void test_a_ledger_that_was_put_back(void **state) {
    (void)state;
    world *w = world_ready();
    char path[256], kept[300];
    journal_path(w, false, path);
    (void)snprintf(kept, sizeof kept, "%s.kept", path);
    sw_kms_close(&w->kms);
    copy_file(path, kept);
    start_kms(w);
    enter(w, 2, SW_PAYLOAD_REVOKE);
    sw_head known = ledger_head(w);
    sw_kms_close(&w->kms);
    copy_file(kept, path);
    start_kms(w);
    unlock(w, 0); /* these two never saw the revocation */
    unlock(w, 1);
    keys_refused(w, (ask){0}, "locked");
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 2);
    s.ledger = known;
    expect(send_unlock(w, &s, 2, &peer), "rollback");
    keys_refused(w, (ask){0}, "locked");
    world_free(w);
}

/* The host restores the audit log to win back grants. */
static void test_an_audit_log_that_was_put_back(void **state) {
    (void)state;
    world *w = world_new();
    char path[256], kept[300];
    use_recipe(w, &(recipe_plan){.grants = 1});
    boot_machine(w);
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    journal_path(w, true, path);
    (void)snprintf(kept, sizeof kept, "%s.kept", path);
    sw_kms_close(&w->kms);
    copy_file(path, kept);
    start_kms(w);
    unlock_all(w);
    (void)keys_granted(w, (ask){0});
    sw_head known = head_of(w, "/v1/audit/1");
    sw_kms_close(&w->kms);
    copy_file(kept, path);
    start_kms(w);
    unlock(w, 0);
    unlock(w, 1);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 2);
    s.audit = known;
    expect(send_unlock(w, &s, 2, &peer), "rollback");
    keys_refused(w, (ask){0}, "locked");
    world_free(w);
}

/* No flipped bit of a request unlocks anything. */
static void test_flipped_bits(void **state) {
    (void)state;
    world *w = world_new();
    enter(w, 0, SW_PAYLOAD_APPROVE);
    enter(w, 1, SW_PAYLOAD_APPROVE);
    unlock(w, 1);
    unlock(w, 2);
    sw_p256_public peer = new_peer(w);
    look(w, &peer);
    sw_unlock_statement s = statement_of(w, 0);
    SW_SCOPED(sw_buffer) body = SW_BUFFER(1 << 16);
    put_unlock(w, &s, 0, &w->secrets[0], &body);
    for (size_t bit = 0; bit < body.size * 8; bit += 7) {
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        look(w, &peer);
        answer a = tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer);
        if (a.http == 200) print_message("# bit %zu was accepted\n", bit);
        assert_int_not_equal(a.http, 200);
        answer_free(&a);
        body.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    keys_refused(w, (ask){0}, "locked");
    look(w, &peer);
    expect(tell(w, "POST", app_path(w, "/unlock"), bytes_of(&body), &peer), "");
    (void)keys_granted(w, (ask){0});
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_statement_names),
        cmocka_unit_test(test_looking_comes_first),
        cmocka_unit_test(test_time_counts_from_the_look),
        cmocka_unit_test(test_a_clock_that_stood_ahead),
        cmocka_unit_test(test_only_newer_words),
        cmocka_unit_test(test_secret_in_transit),
        cmocka_unit_test(test_a_wrong_secret_opens_nothing),
        cmocka_unit_test(test_a_ledger_that_was_put_back),
        cmocka_unit_test(test_an_audit_log_that_was_put_back),
        cmocka_unit_test(test_flipped_bits),
    };
    return cmocka_run_group_tests_name("kms/unlock", tests, NULL, NULL);
}

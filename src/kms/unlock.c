/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner's word to this start: statement and unlock secret. Format: docs/formats/kms.md (KMS-040
 * ... KMS-043).
 *
 * The idea: the owner has looked at this very process a moment ago, over the same TLS key, so the
 * time in the statement can be set against the machine's counter. Invariants: nothing of an owner
 * changes before every check has passed and the decision is in the audit log; an older word never
 * replaces a newer one.
 */
#include "kms/kms_internal.h"

#include <string.h>

typedef struct word_offer {
    sw_bytes envelope, enc, sealed;
    sw_unlock_statement statement;
    size_t owner; /* place in the genesis */
    int64_t heard_ms, known_ms;
} word_offer;

static sw_status parse(sw_bytes body, word_offer *out, sw_error *err) {
    sw_reader r = sw_reader_of(body);
    out->envelope = sw_read_field(&r, SW_KMS_STATEMENT_LIMIT);
    out->enc = sw_read_field(&r, SW_HPKE_ENC_BYTES);
    out->sealed = sw_read_field(&r, SW_KMS_SECRET_BYTES);
    SW_TRY(sw_reader_finish(&r, "an unlock request", err));
    if (out->enc.size != SW_HPKE_ENC_BYTES || out->sealed.size != SW_KMS_SECRET_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "an unlock request's secret is not one");
    return SW_OK;
}

static sw_status check_start(const sw_kms *k, const sw_unlock_statement *s, sw_error *err) {
    if (sw_hash_equal(&s->boot_nonce, &k->boot_nonce) && sw_p256_equal(&s->root, &k->root_public) &&
        sw_p256_equal(&s->receipt, &k->receipt_public))
        return SW_OK;
    return sw_fail(err, SW_REFUSED, "replay",
                   "the statement is for another start of a key service");
}

static sw_status check_newer(const sw_kms_word *before, const sw_unlock_statement *s,
                             sw_error *err) {
    if (!before->present ||
        (s->sequence > before->statement.sequence && s->time_ms >= before->statement.time_ms))
        return SW_OK;
    sw_status status =
        sw_fail(err, SW_REFUSED, "replay",
                "the statement is not newer than the one that this owner gave before");
    sw_error_hint(err, "see that the owner's clock did not go backwards; when it stood ahead "
                       "before, the way out is to restart the key service, which forgets that "
                       "word, and to unlock it again as every owner");
    return status;
}

/* KMS-042, in order. */
static sw_status judge(sw_kms *k, sw_kms_app *app, const sw_http_request *q, sw_arena *a,
                       word_offer *w, sw_error *err) {
    SW_TRY(sw_kms_check_counter(k, err));
    SW_TRY(sw_unlock_open(a, w->envelope, &app->genesis, &w->statement, err));
    w->owner = (size_t)(sw_genesis_owner(&app->genesis, &w->statement.owner) - app->genesis.owners);
    SW_CHECK(err, w->owner < app->genesis.owner_count);
    if (!q->has_peer || sw_kms_token_take(&k->looks, NULL, &q->peer, sw_kms_counter_ms(k),
                                          &w->heard_ms, NULL) != SW_OK)
        return sw_fail(err, SW_REFUSED, "replay",
                       "the owner has not looked at this key service within the last %d s",
                       SW_KMS_LEAST_MS / 1000);
    SW_TRY(check_start(k, &w->statement, err));
    const sw_kms_word *before = &app->words[w->owner];
    SW_TRY(check_newer(before, &w->statement, err));
    SW_TRY(sw_journal_contains(k->audit, &w->statement.audit, err));
    SW_TRY(app->ledger->kind->check_head(app->ledger, &w->statement.ledger,
                                         before->present ? &before->statement.ledger : NULL,
                                         &w->known_ms, err));
    if (w->known_ms > w->statement.time_ms) w->known_ms = w->statement.time_ms;
    return SW_OK;
}

static sw_status open_secret(const sw_kms *k, const word_offer *w, sw_unlock_secret *out,
                             sw_error *err) {
    const sw_unlock_statement *s = &w->statement;
    SW_SCOPED(sw_buffer) info = SW_BUFFER(512);
    SW_SCOPED_SECRET(sw_hpke_keys) keys = sw_hpke_keys_new();
    if (keys == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    sw_kms_unlock_info(&info, &s->genesis, &s->owner, &s->boot_nonce, w->envelope);
    SW_TRY(sw_buffer_check(&info, "an unlock request's binding", err));
    const sw_hpke_info binding = {.info = sw_buffer_bytes(&info)};
    sw_status status = sw_hpke_setup_receiver(k->root->b, w->enc.data, &binding, keys, err);
    if (status == SW_OK) status = sw_hpke_unseal(keys, (sw_bytes){0}, w->sealed, out->b, err);
    if (status == SW_UNAUTHENTIC || status == SW_MALFORMED)
        return sw_fail(err, SW_UNAUTHENTIC, "statement",
                       "the unlock secret was not sealed for this start and statement");
    return status;
}

static sw_status decide(sw_kms *k, sw_kms_app *app, const sw_http_request *q, sw_arena *a,
                        word_offer *w, sw_unlock_secret *secret, sw_error *err) {
    sw_error why = {0};
    sw_status status = judge(k, app, q, a, w, &why);
    if (status == SW_OK) status = open_secret(k, w, secret, &why);
    SW_TRY(sw_kms_audit_unlock(k, &app->genesis.hash, &w->statement.owner, w->envelope,
                               status == SW_OK ? NULL : &why, err));
    if (status != SW_OK && err != NULL) *err = why;
    return status;
}

static sw_status take_word(sw_kms_app *app, const word_offer *w, const sw_unlock_secret *secret,
                           sw_error *err) {
    if (app->secrets == NULL) app->secrets = sw_kms_secrets_new();
    if (app->secrets == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for unlock secrets");
    sw_kms_word *word = &app->words[w->owner];
    word->present = false; /* until all of it is new */
    sw_buffer_reset(&word->envelope);
    sw_put_bytes(&word->envelope, w->envelope);
    SW_TRY(sw_buffer_check(&word->envelope, "an unlock statement", err));
    memcpy(app->secrets->b + w->owner * sizeof secret->b, secret->b, sizeof secret->b);
    word->statement = w->statement;
    word->heard_ms = w->heard_ms;
    word->known_ms = w->known_ms;
    word->present = true;
    return SW_OK;
}

sw_status sw_kms_unlock(sw_kms *k, sw_kms_app *app, const sw_http_request *q, sw_buffer *out,
                        sw_error *err) {
    word_offer w = {0};
    SW_TRY(parse(q->body, &w, err));
    SW_SCOPED_SECRET(sw_unlock_secret) secret = sw_unlock_secret_new();
    if (secret == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a secret");
    SW_SCOPED(sw_arena) arena = {0};
    SW_TRY(decide(k, app, q, &arena, &w, secret, err));
    SW_TRY(take_word(app, &w, secret, err));
    sw_head head = sw_journal_head(k->audit);
    sw_head_encode(&arena, "audit", &head, out);
    return sw_buffer_check(out, "an answer", err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * OCSP answers over the certificates of devices and manifests (GPU-060 to GPU-063).
 *
 * Absent answers are said and left to the policy; an answer that is there must be whole, in time,
 * good, and of one of the certificates. The leaf of a device has no record at its maker, and a root
 * answers for itself. What an answer says of a certificate may have been judged ahead, by another
 * thread, or be known from before.
 */
#include "attest/gpu_internal.h"

#include <string.h>

enum { CERTIFICATE_HOLD = 6 };

static sw_status state_check(const sw_ocsp_verdict *v, sw_error *err) {
    if (v->state == SW_OCSP_REVOKED)
        return REFUSE(err, "a certificate is revoked (reason %d%s)", v->reason,
                      v->reason == CERTIFICATE_HOLD ? ", on hold" : "");
    if (v->state != SW_OCSP_GOOD) return REFUSE(err, "a certificate is not known to its issuer");
    return SW_OK;
}

/* ---- ahead ---- */
void sw_gpu_answers_free(sw_gpu_answers *a) {
    for (size_t i = 0; i < SW_GPU_OCSP_COUNT; i++) sw_ocsp_free(&a->answers[i].answer);
}

void sw_gpu_answer_parse(sw_gpu_answers *a, size_t place) {
    sw_gpu_answer *answer = &a->answers[place];
    if (answer->parsed.made) return;
    answer->parsed.status = sw_ocsp_parse(a->ocsp[place], &answer->answer, &answer->parsed.err);
    answer->parsed.made = true;
}

void sw_gpu_answers_plan(sw_gpu_answers *a, const sw_cert *cert, const sw_cert *issuer) {
    for (size_t i = 0; i < a->count; i++) {
        sw_gpu_answer *answer = &a->answers[i];
        if (answer->cert != NULL || !sw_ocsp_concerns(answer->answer, cert, issuer)) continue;
        answer->cert = cert;
        answer->issuer = issuer;
    }
}

/* ---- known from before (GPU-043) ---- */
/* Each is one DER value, so no other three have these bytes. */
static void answer_id(sw_hash *out, sw_bytes answer, const sw_cert *cert, const sw_cert *issuer) {
    const sw_bytes parts[3] = {sw_cert_der(cert), sw_cert_der(issuer), answer};
    sw_sha256_parts(out, parts, 3);
}

static const sw_gpu_known_answer *known_find(const sw_gpu_known *known, const sw_hash *id) {
    for (size_t i = 0; i < SW_GPU_OCSP_COUNT; i++)
        if (sw_hash_equal(&known->answers[i].id, id)) return &known->answers[i];
    return NULL;
}

/* What follows from the bytes is known; the dates are looked at. */
static const sw_gpu_known_answer *known_now(const sw_gpu_answers *a, size_t place,
                                            const sw_cert *cert, const sw_cert *issuer) {
    sw_hash id;
    if (a->known == NULL || !sw_ocsp_concerns(a->answers[place].answer, cert, issuer)) return NULL;
    answer_id(&id, a->ocsp[place], cert, issuer);
    const sw_gpu_known_answer *found = known_find(a->known, &id);
    bool now = found != NULL && a->wall_ms >= found->verdict.valid_from_ms &&
               a->wall_ms < found->verdict.valid_until_ms;
    return now ? found : NULL;
}

/* One whose dates do not hold is judged anew, so that the refusal is the same. */
static sw_status judge(const sw_gpu_answers *a, size_t place, const sw_cert *cert,
                       const sw_cert *issuer, sw_ocsp_verdict *out, sw_error *err) {
    const sw_gpu_known_answer *found = known_now(a, place, cert, issuer);
    if (found == NULL)
        return sw_ocsp_judge(a->answers[place].answer, cert, issuer, a->wall_ms, out, err);
    *out = found->verdict;
    return SW_OK;
}

void sw_gpu_answers_keep(const sw_gpu_answers *a, sw_gpu_known *known) {
    for (size_t i = 0; known != NULL && i < a->count; i++) {
        const sw_gpu_answer *answer = &a->answers[i];
        sw_gpu_known_answer made = {.verdict = answer->verdict};
        if (!answer->judged.made || answer->judged.status != SW_OK) continue;
        answer_id(&made.id, a->ocsp[i], answer->cert, answer->issuer);
        if (known_find(known, &made.id) == NULL)
            known->answers[known->answers_kept++ % SW_GPU_OCSP_COUNT] = made;
    }
}

void sw_gpu_answer_judge(sw_gpu_answers *a, size_t place) {
    sw_gpu_answer *answer = &a->answers[place];
    if (answer->judged.made || answer->cert == NULL) return;
    answer->judged.status =
        judge(a, place, answer->cert, answer->issuer, &answer->verdict, &answer->judged.err);
    answer->judged.made = true;
}

/* ---- in the verdict's order ---- */
static sw_status answer_take(sw_gpu_answers *a, size_t place, const sw_cert *cert,
                             const sw_cert *issuer, sw_ocsp_verdict *out, sw_error *err) {
    sw_gpu_answer *answer = &a->answers[place];
    sw_gpu_answer_parse(a, place);
    SW_TRY(sw_gpu_outcome_take(&answer->parsed, err));
    bool ahead = answer->judged.made && answer->cert == cert && answer->issuer == issuer;
    if (!ahead) {
        sw_ocsp_verdict v;
        SW_TRY(judge(a, place, cert, issuer, &v, err));
        answer->cert = cert;
        answer->issuer = issuer;
        answer->verdict = v;
        answer->judged = (sw_gpu_outcome){.made = true, .status = SW_OK};
    }
    SW_TRY(sw_gpu_outcome_take(&answer->judged, err));
    *out = answer->verdict;
    return SW_OK;
}

/* Every answer of this certificate counts. */
static sw_status ask(sw_gpu_answers *a, const sw_cert *cert, const sw_cert *issuer,
                     sw_gpu_asked *out, sw_error *err) {
    sw_gpu_asked made = {cert, false, INT64_MIN, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < a->count; i++) {
        sw_ocsp_verdict v;
        sw_status status = answer_take(a, i, cert, issuer, &v, err);
        if (status == SW_MISSING) continue;
        if (status == SW_OK) status = state_check(&v, err);
        if (status != SW_OK) {
            sw_error_prefix(err, "OCSP answer %zu", i);
            return status;
        }
        a->used[i] = made.answered = true;
        if (v.this_update_ms > made.updated_ms) made.updated_ms = v.this_update_ms;
        if (v.valid_from_ms > made.from_ms) made.from_ms = v.valid_from_ms;
        if (v.valid_until_ms < made.until_ms) made.until_ms = v.valid_until_ms;
    }
    *out = made;
    return SW_OK;
}

static const sw_gpu_asked *asked_before(const sw_gpu_answers *a, const sw_cert *cert) {
    for (size_t i = 0; i < a->asked_count; i++)
        if (a->asked[i].cert == cert ||
            sw_bytes_equal(sw_cert_der(a->asked[i].cert), sw_cert_der(cert)))
            return &a->asked[i];
    return NULL;
}

static sw_status ask_once(sw_gpu_answers *a, const sw_cert *cert, const sw_cert *issuer,
                          sw_gpu_judged *d, sw_error *err) {
    const sw_gpu_asked *found = asked_before(a, cert);
    if (found == NULL) {
        SW_CHECK(err, a->asked_count < SW_GPU_ASKED_LIMIT);
        SW_TRY(ask(a, cert, issuer, &a->asked[a->asked_count], err));
        found = &a->asked[a->asked_count++];
    }
    if (!found->answered)
        d->revocation_checked = false;
    else if (found->updated_ms < d->ocsp_from_ms)
        d->ocsp_from_ms = found->updated_ms;
    return sw_window_narrow(&d->window, "OCSP answer", found->from_ms, found->until_ms, err);
}

static sw_status ask_chain(sw_gpu_answers *a, sw_cert *const *chain, size_t count, size_t first,
                           const char *what, sw_gpu_judged *d, sw_error *err) {
    for (size_t i = first; i + 1 < count; i++) {
        sw_status status = ask_once(a, chain[i], chain[i + 1], d, err);
        if (status == SW_OK) continue;
        sw_error_prefix(err, "certificate %zu of the %s", i, what);
        return status;
    }
    return SW_OK;
}

sw_status sw_gpu_revocation(sw_gpu_answers *a, sw_gpu_judged *d, sw_error *err) {
    if (a->count > SW_GPU_OCSP_COUNT)
        return sw_fail(err, SW_LIMIT, "evidence", "more than %d OCSP answers", SW_GPU_OCSP_COUNT);
    d->revocation_checked = true;
    SW_TRY(ask_chain(a, d->chain.certs, SW_GPU_CHAIN_COUNT, 1, "device's chain", d, err));
    if (d->driver != NULL)
        SW_TRY(ask_chain(a, d->driver->chain, d->driver->chain_count, 0, "driver manifest's chain",
                         d, err));
    return ask_chain(a, d->vbios->chain, d->vbios->chain_count, 0, "VBIOS manifest's chain", d,
                     err);
}

sw_status sw_gpu_answers_finish(const sw_gpu_answers *a, sw_error *err) {
    for (size_t i = 0; i < a->count; i++)
        if (!a->used[i]) return REFUSE(err, "OCSP answer %zu is of no certificate here", i);
    return SW_OK;
}

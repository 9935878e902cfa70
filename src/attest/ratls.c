/* SPDX-License-Identifier: Apache-2.0
 *
 * RA-TLS certificates of dstack (DSK-030 to DSK-037): what their extensions say, and the making of
 * the one in use.
 *
 * A certificate's chain says who issued it, its quote says what it runs in; the two meet in the
 * key, whose hash is the quote's report data. Neither is taken for the other.
 */
#include "attest/dstack_internal.h"
#include "attest/measure_internal.h"
#include "codec/der.h"
#include "codec/text.h"

#include <string.h>

#define ARC          "1.3.6.1.4.1.62397.1."
#define OID_QUOTE    ARC "1"
#define OID_LOG      ARC "2"
#define OID_APP_ID   ARC "3"
#define OID_USAGE    ARC "4"
#define OID_APP_INFO ARC "9"
#define ACPI_PAYLOAD "ACPI DATA"
enum { ACPI_TYPE = 10, APP_ID_BYTES = 20 };

/* ---- the key ---- */
/* SEQUENCE { SEQUENCE { OID ecPublicKey, OID prime256v1 }, BIT STRING (66 bytes, none unused) };
 * the point follows. RFC 5480 2. */
static const uint8_t spki_head[SW_DSTACK_SPKI_BYTES - SW_P256_BYTES] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

void sw_ratls_spki(uint8_t out[SW_DSTACK_SPKI_BYTES], const sw_p256_public *key) {
    memcpy(out, spki_head, sizeof spki_head);
    memcpy(out + sizeof spki_head, key->b, sizeof key->b);
}

void sw_ratls_report(sw_report_data *out, const sw_p256_public *key) {
    static const uint8_t tag[11] = "ratls-cert:";
    uint8_t tagged[sizeof tag + SW_DSTACK_SPKI_BYTES];
    memcpy(tagged, tag, sizeof tag);
    sw_ratls_spki(tagged + sizeof tag, key);
    sw_sha512(out->b, SW_BYTES_OF(tagged));
}

/* ---- one extension ---- */
/* dstack writes an OCTET STRING inside the extension's own. No bare content is a whole OCTET STRING
 * by itself: a quote would be one of no bytes, the others begin with other tags. */
static sw_bytes unwrapped(sw_bytes value) {
    sw_reader r = sw_reader_of(value);
    sw_bytes inner = sw_der_read(&r, SW_DER_OCTETS);
    return r.failed || r.rest.size != 0 ? value : inner;
}

/* {NULL, 0} when the certificate does not have it. */
static sw_status extension(sw_arena *a, const sw_cert *cert, const char *oid, sw_bytes *out,
                           sw_error *err) {
    sw_bytes value;
    *out = (sw_bytes){0};
    if (sw_cert_extension(cert, oid, &value, NULL) == SW_MISSING) return SW_OK;
    SW_TRY(sw_cert_extension(cert, oid, &value, err));
    value = unwrapped(value);
    if (value.size == 0) return BROKEN(err, "a certificate's extension %s is empty", oid);
    value = sw_arena_copy(a, value);
    if (value.data == NULL) return sw_dstack_memory(err);
    *out = value;
    return SW_OK;
}

sw_status sw_ratls_app_id(sw_arena *a, const sw_cert *cert, bool *there, uint8_t out[20],
                          sw_error *err) {
    sw_bytes value, whole;
    SW_TRY(extension(a, cert, OID_APP_ID, &value, err));
    *there = value.data != NULL;
    if (!*there) return SW_OK;
    /* 20 bare bytes may look like an OCTET STRING of 18 */
    if (sw_cert_extension(cert, OID_APP_ID, &whole, NULL) == SW_OK && whole.size == APP_ID_BYTES)
        value = whole;
    if (value.size != APP_ID_BYTES)
        return BROKEN(err, "a certificate's app id has %zu bytes, not 20", value.size);
    memcpy(out, value.data, APP_ID_BYTES);
    return sw_dstack_deny_app(out, err);
}

sw_status sw_ratls_usage(sw_arena *a, const sw_cert *cert, sw_bytes *out, sw_error *err) {
    sw_bytes value;
    SW_TRY(extension(a, cert, OID_USAGE, &value, err));
    if (value.size > SW_DSTACK_TEXT_LIMIT || !sw_utf8_plain(value))
        return BROKEN(err, "a certificate's usage is not plain text of at most %zu bytes",
                      SW_DSTACK_TEXT_LIMIT);
    *out = value;
    return SW_OK;
}

/* ---- the attestation ---- */
/* Quote and event log as extensions of their own, as releases until 0.5.8 wrote them. */
static sw_status old_form(sw_arena *a, sw_bytes quote, sw_bytes log, sw_dstack_attestation *out,
                          sw_error *err) {
    sw_dstack_attestation t = {.quote = quote};
    if (quote.data == NULL || log.data == NULL)
        return REFUSE(err, "a certificate has %s",
                      log.data == NULL ? "a quote and no event log" : "an event log and no quote");
    if (sw_ratls_log_packed(log)) SW_TRY(sw_ratls_log_unpack(a, log, &log, err));
    SW_TRY(sw_log_from_json(a, log, &t.log, err));
    SW_TRY(sw_log_runtime(a, &t.log, &t.runtime, &t.runtime_count, err));
    SW_TRY(sw_dstack_report_of(quote, t.report_data, err));
    SW_TRY(sw_dstack_deny_log(a, &t.log, err));
    *out = t;
    return SW_OK;
}

static sw_status attestation_of(sw_arena *a, const sw_cert *cert, sw_dstack_attestation *out,
                                sw_error *err) {
    sw_bytes quote, log, both;
    SW_TRY(extension(a, cert, OID_QUOTE, &quote, err));
    SW_TRY(extension(a, cert, OID_LOG, &log, err));
    SW_TRY(extension(a, cert, SW_RATLS_ATTESTATION_OID, &both, err));
    bool old = quote.data != NULL || log.data != NULL;
    if (!old && both.data == NULL)
        return sw_fail(err, SW_MISSING, "evidence", "a certificate carries no attestation");
    if (old && both.data != NULL)
        return REFUSE(err, "a certificate carries its attestation in two forms");
    if (old) return old_form(a, quote, log, out, err);
    return sw_dstack_attestation_parse(a, both, out, err);
}

static sw_status bound(const sw_ratls_facts *f, sw_error *err) {
    sw_report_data expected;
    sw_ratls_report(&expected, &f->key);
    if (memcmp(expected.b, f->attestation.report_data, sizeof expected.b) != 0)
        return REFUSE(err, "a certificate's quote was made for another key than the certificate's");
    return SW_OK;
}

/* What the issuer says of the app, where it says something. */
static sw_status app_check(sw_arena *a, const sw_cert *cert, sw_ratls_facts *f, sw_error *err) {
    sw_bytes info;
    SW_TRY(sw_ratls_app_id(a, cert, &f->has_app_id, f->app_id, err));
    SW_TRY(sw_ratls_usage(a, cert, &f->usage, err));
    SW_TRY(extension(a, cert, OID_APP_INFO, &info, err));
    f->has_app_info = info.data != NULL;
    if (f->has_app_info) SW_TRY(sw_dstack_app_info_decode(a, info, &f->app_info, err));
    const sw_event *event =
        sw_event_find(f->attestation.runtime, f->attestation.runtime_count, "app-id");
    const uint8_t *claims[] = {f->has_app_id ? f->app_id : NULL,
                               f->has_app_info ? f->app_info.app_id : NULL};
    for (size_t i = 0; i < 2; i++) {
        if (claims[i] == NULL) continue;
        if (event == NULL || !sw_bytes_equal(event->payload, SW_BYTES(claims[i], APP_ID_BYTES)))
            return REFUSE(err, "a certificate's app id is not that of its event log");
    }
    return SW_OK;
}

sw_status sw_ratls_read(sw_arena *a, const sw_cert *cert, sw_ratls_facts *out, sw_error *err) {
    sw_ratls_facts f = {0};
    uint8_t spki[SW_DSTACK_SPKI_BYTES];
    SW_TRY(sw_cert_key(cert, &f.key, err));
    sw_ratls_spki(spki, &f.key);
    SW_TRY(sw_dstack_deny_spki(SW_BYTES_OF(spki), err));
    SW_TRY(attestation_of(a, cert, &f.attestation, err));
    SW_TRY(bound(&f, err));
    SW_TRY(app_check(a, cert, &f, err));
    *out = f;
    return SW_OK;
}

/* ---- making ---- */
/* What dstack leaves in a certificate: RTMR3's events without digests, and the ACPI events, which
 * cannot be computed from names. */
static sw_status stripped(sw_arena *a, const sw_event_log *log, sw_event_log *out, sw_error *err) {
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, log->count);
    if (events == NULL) return sw_dstack_memory(err);
    size_t n = 0;
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *e = &log->events[i];
        bool runtime = e->imr == SW_RUNTIME_EVENT_REGISTER;
        bool acpi = e->imr == 0 && e->type == ACPI_TYPE && sw_bytes_is(e->payload, ACPI_PAYLOAD);
        if (!runtime && !acpi) continue;
        events[n] = *e;
        if (runtime) events[n].has_digest = false;
        n++;
    }
    *out = (sw_event_log){events, n};
    return SW_OK;
}

sw_status sw_ratls_extension_make(const sw_dstack_attestation *in, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_DSTACK_ATTESTATION_LIMIT);
    sw_dstack_attestation t = *in;
    SW_TRY(stripped(&a, &in->log, &t.log, err));
    SW_TRY(sw_dstack_attestation_encode(&t, &made, err));
    sw_der_put(out, SW_DER_OCTETS, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "a certificate's attestation", err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate in dstack's form for a key of this machine's (DSK-037 to DSK-039): self-signed,
 * with the attestation of the key inside, so that a peer who knows dstack's certificates can judge
 * it.
 *
 * Our own channels do not use it: a certificate that is made before a handshake answers no
 * challenge.
 */
#include "attest/dstack.h"
#include "codec/text.h"
#include "machine/machine_internal.h"

#include <string.h>

#define CERTIFICATE_LIMIT ((size_t)256 << 10)
enum { ACPI_TYPE = 10 };

/* ---- hints ---- */
/* What this machine's evidence says of image and MRCONFIGID, as a host would say it (MSR-081,
 * MSR-084). */
static sw_status config_put(sw_arena *a, const sw_evidence *e, sw_buffer *out, sw_error *err) {
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    if (e->mr_config.size > 0) sw_json_add_text(a, root, "mr_config", e->mr_config);
    if (e->image != NULL) {
        sw_json_add_integer(a, root, "memory_size", (int64_t)e->image->machine.memory_bytes);
        sw_json *files = sw_json_add_object(a, root, "tdx_measurement");
        sw_json_add_base64(a, files, "checksum_file", e->image->files.checksum_file);
        sw_json_add_base64(a, files, "measurement", e->image->files.measurement);
    }
    sw_json_encode(out, root);
    return sw_buffer_check(out, "the attestation's hints", err);
}

/* The events that dstack leaves in a certificate: RTMR3's, and of RTMR0 those of ACPI. */
static sw_status log_make(sw_arena *a, const sw_evidence *e, sw_event_log *out, sw_error *err) {
    sw_log_event *events = SW_ARENA_NEW(a, sw_log_event, SW_ACPI_COUNT + e->event_count);
    if (events == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the event log");
    size_t n = 0;
    for (size_t i = 0; e->image != NULL && i < SW_ACPI_COUNT; i++, n++) {
        events[n] = (sw_log_event){
            .type = ACPI_TYPE, .has_digest = true, .payload = SW_LITERAL("ACPI DATA")};
        memcpy(events[n].digest, e->image->machine.acpi[i], sizeof events[n].digest);
    }
    for (size_t i = 0; i < e->event_count; i++)
        events[n++] = (sw_log_event){.imr = SW_RUNTIME_EVENT_REGISTER,
                                     .type = SW_RUNTIME_EVENT_TYPE,
                                     .v2 = e->events[i].v2,
                                     .name = e->events[i].name,
                                     .payload = e->events[i].payload};
    *out = (sw_event_log){events, n};
    return SW_OK;
}

/* ---- the certificate ---- */
static sw_status extension_make(sw_arena *a, const sw_evidence *e, const sw_report_data *report,
                                sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) config = SW_BUFFER(SW_DSTACK_CONFIG_LIMIT);
    sw_dstack_attestation t = {
        .quote = e->quote, .runtime = e->events, .runtime_count = e->event_count};
    SW_TRY(config_put(a, e, &config, err));
    SW_TRY(log_make(a, e, &t.log, err));
    t.config = sw_buffer_bytes(&config);
    memcpy(t.report_data, report->b, sizeof t.report_data);
    return sw_ratls_extension_make(&t, out, err);
}

sw_status sw_machine_certificate(sw_machine *m, const sw_session_key *secret, int64_t from_ms,
                                 int64_t until_ms, sw_buffer *pem, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 16 * SW_EVIDENCE_LIMIT};
    SW_SCOPED(sw_buffer) extension = SW_BUFFER(CERTIFICATE_LIMIT);
    SW_SCOPED(sw_buffer) der = SW_BUFFER(CERTIFICATE_LIMIT);
    sw_p256_public key;
    sw_report_data report;
    sw_evidence e = {0};
    SW_TRY(sw_p256_derive(secret->b, &key, err));
    sw_ratls_report(&report, &key);
    SW_TRY(sw_machine_quote(m, &report, &a, &e, err));
    SW_TRY(extension_make(&a, &e, &report, &extension, err));
    const sw_cert_plan plan = {.common_name = "sealwright machine",
                               .serial = 1,
                               .not_before_ms = from_ms,
                               .not_after_ms = until_ms,
                               .extension_oid = SW_RATLS_ATTESTATION_OID,
                               .extension = sw_buffer_bytes(&extension)};
    SW_TRY(sw_cert_make(&plan, &key, NULL, secret->b, &der, err));
    sw_pem_encode(pem, "CERTIFICATE", sw_buffer_bytes(&der));
    return sw_buffer_check(pem, "a certificate", err);
}

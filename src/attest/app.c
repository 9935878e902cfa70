/* SPDX-License-Identifier: Apache-2.0
 *
 * The app that a machine booted, from a log that replayed (EVD-053 to EVD-055), for evidence of
 * ours and of others alike.
 */
#include "attest/attest_internal.h"
#include "attest/dstack.h"
#include "attest/measure_internal.h"
#include "codec/text.h"

#include <string.h>

static sw_status config_verify(sw_arena *a, const sw_app_log *app, const uint8_t mr_config_id[48],
                               unsigned *version, sw_error *err) {
    sw_config_facts facts;
    SW_TRY(sw_config_facts_read(a, app->events, app->count, &facts, err));
    facts.document = app->document;
    return sw_config_id_verify(a, mr_config_id, &facts, version, err);
}

sw_status sw_app_verify(sw_arena *a, const sw_app_log *app, const uint8_t mr_config_id[48],
                        const sw_check_log *log, sw_boot_facts *out, unsigned *config_version,
                        sw_error *err) {
    sw_boot_facts facts;
    char app_id[41], compose[65];
    sw_check_begin(log, "app");
    SW_TRY(sw_dstack_deny_events(a, app->events, app->count, err));
    SW_TRY(sw_events_read(app->events, app->count, &facts, err));
    sw_hex_text(app_id, SW_BYTES_OF(facts.app_id));
    sw_hex_text(compose, SW_BYTES_OF(facts.compose.b));
    sw_check_held(log, "app id %s, compose hash %s", app_id, compose);
    sw_check_begin(log, "MRCONFIGID");
    SW_TRY(config_verify(a, app, mr_config_id, config_version, err));
    sw_check_held(log, *config_version == 0 ? "not set" : "of kind %u, for this app",
                  *config_version);
    *out = facts;
    return SW_OK;
}

void sw_td_measurements_of(const sw_td_report *td, sw_td_measurements *out) {
    memcpy(out->mrtd, td->mrtd, sizeof out->mrtd);
    memcpy(out->rtmr, td->rtmr, sizeof out->rtmr);
    memcpy(out->mr_config_id, td->mr_config_id, sizeof out->mr_config_id);
    memcpy(out->mr_owner, td->mr_owner, sizeof out->mr_owner);
    memcpy(out->mr_owner_config, td->mr_owner_config, sizeof out->mr_owner_config);
}

void sw_app_mr_system(const sw_td_measurements *td, const sw_app_log *app, sw_hash *out) {
    const sw_event *provider = sw_event_find(app->events, app->count, "key-provider");
    sw_bytes payload = {0};
    if (provider != NULL) payload = provider->payload;
    sw_mr_system(out, td, payload);
}

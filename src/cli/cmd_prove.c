/* SPDX-License-Identifier: Apache-2.0
 *
 * attest extend, attest certificate: what a machine says of itself for others to judge.
 */
#include "cli/cli.h"
#include "codec/text.h"
#include "machine/collect.h"
#include "machine/machine.h"
#include "sys/files.h"

#include <string.h>

/* ---- attest extend ---- */
static sw_status payload_read(sw_cli *cli, sw_bytes *out, sw_error *err) {
    const char *hex = sw_cli_option(cli, "payload"), *path = sw_cli_option(cli, "payload-file");
    *out = (sw_bytes){0};
    if (hex != NULL && path != NULL)
        return sw_fail(err, SW_USAGE, "usage", "give --payload or --payload-file, not both");
    if (path != NULL) return sw_cli_read_regular(cli, path, SW_EVENT_PAYLOAD_LIMIT, out, err);
    if (hex == NULL) return SW_OK;
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = sw_arena_alloc(sw_cli_arena(cli), size + 1, 1);
    if (bytes == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an event");
    if (sw_hex_decode(bytes, size, sw_text(hex), false, NULL) != SW_OK)
        return sw_fail(err, SW_USAGE, "usage", "--payload is not lower-case hex");
    *out = SW_BYTES(bytes, size);
    return SW_OK;
}

static sw_status attest_extend(sw_cli *cli, sw_error *err) {
    sw_event event = {.name = sw_text(sw_cli_argument(cli, 0))};
    const sw_machine_places places = {.events_path = sw_cli_option(cli, "events")};
    const char *machine;
    uint8_t digest[SW_SHA384_BYTES];
    char hex[2 * SW_SHA384_BYTES + 1];
    SW_TRY(sw_cli_need(cli, "machine", &machine, err));
    if (places.events_path != NULL && strcmp(machine, "tdx") != 0)
        return sw_fail(err, SW_USAGE, "usage", "--events is of tdx: a guest agent keeps its own");
    SW_TRY(payload_read(cli, &event.payload, err));
    SW_TRY(sw_event_digest(&event, digest, err));
    SW_TRY(
        sw_machine_extend(&places, machine, &event, sw_cli_entropy(cli), sw_cli_clock(cli), err));
    sw_hex_text(hex, SW_BYTES_OF(digest));
    sw_cli_print(cli, "%s\n", hex);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "digest", sw_text(hex));
    sw_cli_result(cli, root);
    return SW_OK;
}

/* ---- attest certificate ---- */
#define DAY_MS INT64_C(86400000)
enum { DAYS_MOST = 366 };

static sw_status days_read(const sw_cli *cli, int64_t *out, sw_error *err) {
    const char *text = sw_cli_option(cli, "days");
    unsigned days = 0;
    *out = 1;
    if (text == NULL) return SW_OK;
    for (const char *c = text; *c != 0; c++) {
        days = *c >= '0' && *c <= '9' && days <= DAYS_MOST ? 10 * days + (unsigned)(*c - '0')
                                                           : DAYS_MOST + 1;
    }
    if (days == 0 || days > DAYS_MOST)
        return sw_fail(err, SW_USAGE, "usage", "--days is not 1 to %d", DAYS_MOST);
    *out = days;
    return SW_OK;
}

static sw_status app_read(sw_cli *cli, sw_bytes *compose, uint8_t app_id[20], sw_error *err) {
    const char *path, *text = sw_cli_option(cli, "app-id");
    sw_hash hash;
    SW_TRY(sw_cli_need(cli, "app-compose", &path, err));
    SW_TRY(sw_cli_read_regular(cli, path, (size_t)1 << 20, compose, err));
    sw_sha256(&hash, *compose);
    memcpy(app_id, hash.b, 20); /* dstack's id of an app that nobody named */
    if (text == NULL || sw_hex_decode(app_id, 20, sw_text(text), false, NULL) == SW_OK)
        return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--app-id is not 40 hex digits");
}

static sw_status certificate_make(sw_cli *cli, const char *where, const sw_session_key *key,
                                  sw_buffer *pem, sw_error *err) {
    sw_machine *machine = NULL;
    const sw_clock *clock = sw_cli_clock(cli);
    sw_bytes compose;
    uint8_t app_id[20];
    int64_t days, now_ms = clock->wall_ms(clock->context);
    SW_TRY(days_read(cli, &days, err));
    SW_TRY(app_read(cli, &compose, app_id, err));
    SW_TRY(sw_machine_boot(where, compose, app_id, sw_cli_entropy(cli), clock, &machine, err));
    sw_status status = sw_machine_certificate(machine, key, now_ms - now_ms % 1000,
                                              now_ms - now_ms % 1000 + days * DAY_MS, pem, err);
    sw_machine_close(&machine);
    return status;
}

static sw_status attest_certificate(sw_cli *cli, sw_error *err) {
    SW_SCOPED_SECRET(sw_session_key) key = sw_session_key_new();
    SW_SCOPED(sw_buffer) pem = SW_BUFFER((size_t)1 << 20);
    SW_SCOPED(sw_buffer) secret = SW_BUFFER(4096);
    const char *machine, *out, *key_path;
    sw_p256_public public;
    if (key == NULL) return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_cli_need(cli, "machine", &machine, err));
    SW_TRY(sw_cli_need(cli, "out", &out, err));
    SW_TRY(sw_cli_need(cli, "key-out", &key_path, err));
    SW_TRY(sw_p256_generate(sw_cli_entropy(cli), key->b, &public, err));
    SW_TRY(certificate_make(cli, machine, key, &pem, err));
    SW_TRY(sw_pkcs8_encode(&secret, key->b, (sw_bytes){0}, sw_cli_entropy(cli), err));
    sw_status status = sw_file_write(key_path, sw_buffer_bytes(&secret), 0600, SW_WRITE_NEW, err);
    sw_wipe(secret.data, secret.size);
    SW_TRY(status);
    SW_TRY(sw_file_write(out, sw_buffer_bytes(&pem), 0644, SW_WRITE_REPLACE, err));
    sw_cli_print(cli, "%s: certificate, its key in %s\n", out, key_path);
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    sw_json_add_text(sw_cli_arena(cli), root, "out", sw_text(out));
    sw_json_add_text(sw_cli_arena(cli), root, "key", sw_text(key_path));
    sw_cli_result(cli, root);
    return SW_OK;
}

static const sw_option extend_options[] = {
    {"machine", SW_OPTION_VALUE, "KIND:WHERE", "tdx, dstack or dstack:SOCKET"},
    {"payload", SW_OPTION_VALUE, "HEX", "the event's payload; default empty"},
    {"payload-file", SW_OPTION_VALUE, "FILE", "the payload as the bytes of a file"},
    {"events", SW_OPTION_VALUE, "FILE", "on tdx: RTMR3's log; default " SW_RUNTIME_LOG_PATH},
    {0},
};
static const sw_option certificate_options[] = {
    {"machine", SW_OPTION_VALUE, "KIND:WHERE", "this machine: sim:DIR, tdx, dstack, dstack:SOCKET"},
    {"app-compose", SW_OPTION_VALUE, "FILE", "the app-compose that the machine was booted with"},
    {"app-id", SW_OPTION_VALUE, "HEX", "the app's id; default from the app-compose's hash"},
    {"days", SW_OPTION_VALUE, "N", "how long it is valid, 1 to 366; default 1"},
    {"out", SW_OPTION_VALUE, "FILE", "where the certificate goes, PEM"},
    {"key-out", SW_OPTION_VALUE, "FILE", "where its new private key goes, PKCS#8, mode 0600"},
    {0},
};

const sw_command sw_commands_prove[] = {
    {"attest certificate", "", "make a key and its certificate in dstack's form",
     "The key is new, and its certificate carries this machine's attestation of it (RA-TLS). It\n"
     "answers no challenge: who needs freshness asks over a channel. attest verify judges it.",
     0, 0, certificate_options, attest_certificate},
    {"attest extend", "EVENT", "measure an event into RTMR3 and log it",
     "For the init of a TDX guest and for events of one's own. What stands behind the event\n"
     "system-ready counts for nothing in a verdict. The event's digest is printed.",
     1, 1, extend_options, attest_extend},
    {0},
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * dstack's public simulator, refused always (DSK-001 to DSK-004). Its quote is a real one of
 * Intel's, its app keys and the key of its certificate authority are published with it: whoever
 * trusted any of them would trust everybody. Two generations are known: the one of releases 0.4.2
 * to 0.5.5, and the one since.
 */
#include "attest/dstack_internal.h"
#include "codec/text.h"

#include <string.h>

static const uint8_t apps[][20] = {
    {0x5b, 0xb4, 0xff, 0x9a, 0x38, 0x37, 0x35, 0x7f, 0x19, 0xdc,
     0x17, 0x64, 0x07, 0xa5, 0x70, 0x9c, 0x62, 0xeb, 0x6c, 0x56},
    {0xea, 0x54, 0x9f, 0x02, 0xe1, 0xa2, 0x5f, 0xab, 0xd1, 0xcb,
     0x78, 0x83, 0x80, 0xe0, 0x33, 0xec, 0x54, 0x61, 0xb2, 0xff},
};

/* Roots that signed the app keys, then the app keys, whose secrets are public. */
static const sw_secp256k1_public keys[] = {
    {{0x03, 0x21, 0x52, 0x9e, 0x45, 0x84, 0x24, 0xab, 0x1f, 0x71, 0x0a,
      0x3a, 0x57, 0xec, 0x4d, 0xad, 0x2f, 0xb1, 0x95, 0xdd, 0xca, 0x57,
      0x2f, 0x74, 0x69, 0x24, 0x2b, 0xa6, 0xc7, 0x56, 0x30, 0x85, 0xb6}},
    {{0x02, 0xca, 0xd3, 0xa8, 0xbb, 0x11, 0xc5, 0xc0, 0x85, 0x8f, 0xb3,
      0xe4, 0x02, 0x04, 0x8b, 0x51, 0x37, 0x45, 0x70, 0x39, 0xd5, 0x77,
      0x98, 0x6d, 0xaa, 0xde, 0x67, 0x8e, 0xd4, 0xb4, 0xab, 0x1b, 0x9b}},
    {{0x02, 0x81, 0x84, 0x94, 0x26, 0x36, 0x95, 0xe8, 0x83, 0x91, 0x22,
      0xdb, 0xd8, 0x8e, 0x28, 0x1d, 0x73, 0x80, 0x62, 0x29, 0x99, 0xdf,
      0x4e, 0x60, 0xa1, 0x4b, 0xef, 0xa0, 0xf2, 0xd0, 0x96, 0xfc, 0x7c}},
    {{0x02, 0xb8, 0x5c, 0xce, 0xca, 0x0c, 0x02, 0xd8, 0x78, 0xf0, 0xeb,
      0xcd, 0xa7, 0x2a, 0x97, 0x46, 0x9a, 0x47, 0x24, 0x16, 0xeb, 0x6f,
      0xaf, 0x3c, 0x48, 0x07, 0x64, 0x21, 0x32, 0xf9, 0x78, 0x68, 0x10}},
};

/* The certificate authority of both generations, whose secret is public: x of its point. */
static const uint8_t authority_x[32] = {
    0x19, 0xb2, 0x45, 0x7d, 0xd9, 0xb8, 0xaa, 0x64, 0x46, 0xd9, 0x80, 0xf1, 0x36, 0xff, 0xf7, 0x81,
    0x2e, 0xcd, 0x6c, 0x77, 0x74, 0x0e, 0xeb, 0x0e, 0x28, 0xb1, 0x0d, 0x56, 0xc0, 0xc0, 0x00, 0x28};

sw_status sw_dstack_deny_app(const uint8_t app_id[20], sw_error *err) {
    for (size_t i = 0; i < sizeof apps / sizeof apps[0]; i++)
        if (memcmp(app_id, apps[i], sizeof apps[i]) == 0)
            return REFUSE(err, "the app id is that of dstack's public simulator");
    return SW_OK;
}

/* Whatever the sign of y: -P is as public as P. */
sw_status sw_dstack_deny_key(const sw_secp256k1_public *key, sw_error *err) {
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (memcmp(key->b + 1, keys[i].b + 1, sizeof key->b - 1) == 0)
            return REFUSE(err, "a key is that of dstack's public simulator");
    return SW_OK;
}

/* By its x coordinate, in whatever form of SubjectPublicKeyInfo it comes. */
sw_status sw_dstack_deny_spki(sw_bytes spki, sw_error *err) {
    if (spki.size != 0 && memmem(spki.data, spki.size, authority_x, sizeof authority_x) != NULL)
        return REFUSE(err, "a certificate authority is that of dstack's public simulator");
    return SW_OK;
}

/* {"name": ..., "id": hex}. What is no such object is refused by whoever reads it; no second
 * spelling of the id is let through here. */
static sw_status provider_id(sw_arena *a, sw_bytes payload, sw_bytes *out, sw_error *err) {
    const sw_json_limits limits = {.bytes = SW_EVENT_PAYLOAD_LIMIT, .depth = 4, .nodes = 64};
    const sw_hex_rule id = {.bytes = SW_EVENT_PAYLOAD_LIMIT, .upper = true};
    sw_json *root;
    SW_TRY(sw_json_parse(a, payload, &limits, &root, err));
    return sw_json_hex_bytes(a, root, "key-provider", "id", &id, out, err);
}

static sw_status deny_provider(sw_arena *a, sw_bytes payload, sw_error *err) {
    sw_bytes id;
    sw_error none = {0};
    sw_status status = provider_id(a, payload, &id, &none);
    if (status == SW_OK) return sw_dstack_deny_spki(id, err);
    if (status == SW_MEMORY) return sw_fail(err, SW_MEMORY, "memory", "no memory for an event");
    return SW_OK;
}

static sw_status deny_event(sw_arena *a, sw_bytes name, sw_bytes payload, sw_error *err) {
    if (sw_bytes_is(name, "app-id") && payload.size == 20)
        return sw_dstack_deny_app(payload.data, err);
    if (!sw_bytes_is(name, "key-provider")) return SW_OK;
    sw_arena_place before = sw_arena_mark(a);
    sw_status status = deny_provider(a, payload, err);
    sw_arena_rewind(a, before);
    return status;
}

sw_status sw_dstack_deny_events(sw_arena *a, const sw_event *events, size_t count, sw_error *err) {
    for (size_t i = 0; i < count; i++)
        SW_TRY(deny_event(a, events[i].name, events[i].payload, err));
    return SW_OK;
}

sw_status sw_dstack_deny_log(sw_arena *a, const sw_event_log *log, sw_error *err) {
    for (size_t i = 0; i < log->count; i++)
        SW_TRY(deny_event(a, log->events[i].name, log->events[i].payload, err));
    return SW_OK;
}

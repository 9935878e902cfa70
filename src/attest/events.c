/* SPDX-License-Identifier: Apache-2.0
 *
 * RTMR3's runtime events in dstack's format: digests, replay, and what the system said before it
 * was ready (EVD-050 to EVD-055).
 *
 * A digest is always computed from name and payload, never believed. A name with ':' would make
 * version 1 ambiguous and is refused. After `system-ready` applications write what they like, so
 * nothing behind it counts; before it each fact may be said once.
 */
#include "attest/measure_internal.h"
#include "codec/json.h"
#include "codec/text.h"

#include <assert.h>
#include <string.h>

/* ---- digests ---- */
/* RFC 8785's text of {"name","payload","type"}: what stands before the payload's hex and behind. */
static const char V2_END[] = "\",\"type\":134217729}";
static_assert(SW_RUNTIME_EVENT_TYPE == 134217729, "the type that version 2 writes");

static void v2_start(sw_buffer *out, sw_bytes name) {
    sw_put_text(out, "{\"name\":");
    sw_json_encode_text(out, name);
    sw_put_text(out, ",\"payload\":\"");
}

void sw_event_v2_text(sw_buffer *out, const sw_event *event) {
    v2_start(out, event->name);
    sw_hex_encode(out, event->payload);
    sw_put_text(out, V2_END);
}

static void v1_add(sw_sha384_stream *s, const sw_event *event) {
    uint8_t type[4];
    sw_buffer head = sw_buffer_over(type, sizeof type);
    sw_put_u32le(&head, SW_RUNTIME_EVENT_TYPE);
    sw_sha384_add(s, sw_buffer_bytes(&head));
    sw_sha384_add(s, SW_LITERAL(":"));
    sw_sha384_add(s, event->name);
    sw_sha384_add(s, SW_LITERAL(":"));
    sw_sha384_add(s, event->payload);
}

/* The same bytes as sw_event_v2_text, without a place where all of them stand. */
static sw_status v2_add(sw_sha384_stream *s, const sw_event *event, sw_error *err) {
    uint8_t space[6 * SW_EVENT_NAME_LIMIT + 32];
    char hex[2 * 256 + 1];
    sw_buffer start = sw_buffer_over(space, sizeof space);
    v2_start(&start, event->name);
    SW_TRY(sw_buffer_check(&start, "an event", err));
    sw_sha384_add(s, sw_buffer_bytes(&start));
    for (size_t at = 0; at < event->payload.size; at += sizeof hex / 2) {
        size_t left = event->payload.size - at;
        size_t count = left < sizeof hex / 2 ? left : sizeof hex / 2;
        sw_hex_text(hex, SW_BYTES(event->payload.data + at, count));
        sw_sha384_add(s, SW_BYTES(hex, 2 * count));
    }
    sw_sha384_add(s, sw_text(V2_END));
    return SW_OK;
}

sw_status sw_event_name_check(sw_bytes name, sw_error *err) {
    if (name.size == 0 || name.size > SW_EVENT_NAME_LIMIT)
        return BROKEN(err, "an event's name has not 1 to %d bytes", SW_EVENT_NAME_LIMIT);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == ':') return REFUSE(err, "an event's name holds a colon");
        if (name.data[i] < 0x20 || name.data[i] == 0x7f)
            return BROKEN(err, "an event's name holds a control character");
    }
    return SW_OK;
}

sw_status sw_event_digest(const sw_event *event, uint8_t out[SW_SHA384_BYTES], sw_error *err) {
    SW_TRY(sw_event_name_check(event->name, err));
    if (event->payload.size > SW_EVENT_PAYLOAD_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "an event's payload has more than %zu bytes",
                       SW_EVENT_PAYLOAD_LIMIT);
    sw_sha384_stream *s = sw_sha384_open();
    if (s == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for an event's digest");
    sw_status status = SW_OK;
    if (event->v2)
        status = v2_add(s, event, err);
    else
        v1_add(s, event);
    sw_sha384_close(&s, status == SW_OK ? out : NULL);
    return status;
}

void sw_rtmr_extend(uint8_t rtmr[SW_SHA384_BYTES], const uint8_t digest[SW_SHA384_BYTES]) {
    uint8_t both[2 * SW_SHA384_BYTES];
    memcpy(both, rtmr, SW_SHA384_BYTES);
    memcpy(both + SW_SHA384_BYTES, digest, SW_SHA384_BYTES);
    sw_sha384(rtmr, SW_BYTES_OF(both));
}

sw_status sw_events_replay(const sw_event *events, size_t count, uint8_t rtmr3[SW_SHA384_BYTES],
                           sw_error *err) {
    uint8_t value[SW_SHA384_BYTES] = {0}, digest[SW_SHA384_BYTES];
    for (size_t i = 0; i < count; i++) {
        SW_TRY(sw_event_digest(&events[i], digest, err));
        sw_rtmr_extend(value, digest);
    }
    memcpy(rtmr3, value, sizeof value);
    return SW_OK;
}

/* ---- facts ---- */
enum { FACT_APP_ID, FACT_COMPOSE, FACT_INSTANCE, FACT_BOOT_DONE, FACT_OTHER, FACT_COUNT = 9 };
typedef struct fact {
    const char *name;
    size_t size; /* of the payload; SIZE_MAX for any */
} fact;
/* Each may be said once before `system-ready`. */
static const fact FACTS[FACT_COUNT] = {
    [FACT_APP_ID] = {"app-id", 20},
    [FACT_COMPOSE] = {"compose-hash", SW_HASH_BYTES},
    [FACT_INSTANCE] = {"instance-id", SIZE_MAX},
    [FACT_BOOT_DONE] = {"boot-mr-done", 0},
    [FACT_OTHER] = {"os-image-hash", SIZE_MAX},
    {"key-provider", SIZE_MAX},
    {"gpu-policy-hash", SW_HASH_BYTES},
    {"mr-kms", SIZE_MAX},
    {"system-preparing", 0},
};

static sw_status fact_note(const sw_event *event, const sw_event *found[FACT_COUNT],
                           sw_error *err) {
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (!sw_bytes_is(event->name, FACTS[i].name)) continue;
        if (found[i] != NULL)
            return REFUSE(err, "the event %s stands twice before system-ready", FACTS[i].name);
        if (FACTS[i].size != SIZE_MAX && event->payload.size != FACTS[i].size)
            return REFUSE(err, "the event %s has not %zu bytes", FACTS[i].name, FACTS[i].size);
        found[i] = event;
    }
    return SW_OK;
}

static sw_status facts_collect(const sw_event *events, size_t count,
                               const sw_event *found[FACT_COUNT], sw_error *err) {
    for (size_t i = 0; i < count; i++) {
        if (sw_bytes_is(events[i].name, "system-ready")) return SW_OK;
        SW_TRY(fact_note(&events[i], found, err));
    }
    return REFUSE(err, "the event log has no system-ready: the machine has not finished its boot");
}

const sw_event *sw_event_find(const sw_event *events, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (sw_bytes_is(events[i].name, "system-ready")) return NULL;
        if (sw_bytes_is(events[i].name, name)) return &events[i];
    }
    return NULL;
}

sw_status sw_events_read(const sw_event *events, size_t count, sw_boot_facts *out, sw_error *err) {
    const sw_event *found[FACT_COUNT] = {0};
    sw_boot_facts facts = {0};
    SW_TRY(facts_collect(events, count, found, err));
    for (size_t i = FACT_APP_ID; i <= FACT_COMPOSE; i++)
        if (found[i] == NULL)
            return REFUSE(err, "the event log has no %s before system-ready", FACTS[i].name);
    memcpy(facts.app_id, found[FACT_APP_ID]->payload.data, sizeof facts.app_id);
    memcpy(facts.compose.b, found[FACT_COMPOSE]->payload.data, sizeof facts.compose.b);
    const sw_event *instance = found[FACT_INSTANCE];
    if (instance != NULL && instance->payload.size != 0) {
        if (instance->payload.size != sizeof facts.instance_id)
            return REFUSE(err, "the event instance-id has neither 0 nor 20 bytes");
        memcpy(facts.instance_id, instance->payload.data, sizeof facts.instance_id);
    }
    *out = facts;
    return SW_OK;
}

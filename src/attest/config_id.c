/* SPDX-License-Identifier: Apache-2.0
 *
 * MRCONFIGID as dstack's host sets it at a TD's creation (MSR-050 to MSR-057): zero, or a version
 * byte, a 32-byte commitment and zeros.
 *
 * The host chooses the value and the hardware fixes it; it can only confirm what RTMR3's events
 * say. Every member that a commitment holds must be that of the log.
 */
#include "attest/measure_internal.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/secp256k1.h"

#include <string.h>

enum { CONFIG_NONE, CONFIG_COMPOSE, CONFIG_KECCAK, CONFIG_DOCUMENT };

/* The event and the document of version 3 name one kind in two ways. */
static const struct {
    const char *in_event, *in_document;
} PROVIDERS[] = {
    [SW_KEY_PROVIDER_NONE] = {"none", "none"},
    [SW_KEY_PROVIDER_LOCAL] = {"local-sgx", "local"},
    [SW_KEY_PROVIDER_KMS] = {"kms", "kms"},
    [SW_KEY_PROVIDER_TPM] = {"tpm", "tpm"},
};
enum { PROVIDER_COUNT = sizeof PROVIDERS / sizeof PROVIDERS[0] };

/* ---- facts ---- */
/* {"id":hex,"name":kind}, in whatever order dstack's version writes them. */
sw_status sw_key_provider_read(sw_arena *a, sw_bytes payload, sw_config_facts *out, sw_error *err) {
    static const char where[] = "key-provider";
    static const char *const names[] = {"id", "name", NULL};
    const sw_json_limits limits = {.bytes = 4096, .depth = 2, .nodes = 8};
    const sw_hex_rule id = {.bytes = SW_KEY_PROVIDER_ID_LIMIT};
    sw_json *root;
    sw_bytes name, given;
    sw_status status = sw_json_parse(a, payload, &limits, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "the event key-provider");
    SW_TRY(status);
    SW_TRY(sw_json_expect(root, where, names, err));
    SW_TRY(sw_json_text(root, where, "name", &name, err));
    SW_TRY(sw_json_hex_bytes(a, root, where, "id", &id, &given, err));
    for (unsigned kind = 0; kind < PROVIDER_COUNT; kind++) {
        if (!sw_bytes_is(name, PROVIDERS[kind].in_event)) continue;
        if (kind == SW_KEY_PROVIDER_NONE && given.size > 0)
            return REFUSE(err, "the event key-provider names no provider and yet an id");
        out->provider = kind;
        out->provider_id = given;
        return SW_OK;
    }
    return REFUSE(err, "the event key-provider names a kind that is not known");
}

static sw_status scripts_read(const sw_event *events, size_t count, sw_config_facts *out,
                              sw_error *err) {
    for (size_t i = 0; i < count && !sw_bytes_is(events[i].name, "system-ready"); i++) {
        if (!sw_bytes_is(events[i].name, "init-script-hash")) continue;
        if (out->init_script_count == SW_INIT_SCRIPT_LIMIT)
            return sw_fail(err, SW_LIMIT, "evidence", "the event log has more than %d init scripts",
                           SW_INIT_SCRIPT_LIMIT);
        if (events[i].payload.size != SW_HASH_BYTES)
            return REFUSE(err, "the event init-script-hash has not %d bytes", SW_HASH_BYTES);
        memcpy(out->init_scripts[out->init_script_count++].b, events[i].payload.data,
               SW_HASH_BYTES);
    }
    return SW_OK;
}

static sw_bytes payload_of(const sw_event *events, size_t count, const char *name) {
    const sw_event *event = sw_event_find(events, count, name);
    static const sw_bytes none;
    return event == NULL ? none : event->payload;
}

sw_status sw_config_facts_read(sw_arena *a, const sw_event *events, size_t count,
                               sw_config_facts *out, sw_error *err) {
    sw_boot_facts boot;
    sw_config_facts facts = {0};
    SW_TRY(sw_events_read(events, count, &boot, err));
    facts.compose = boot.compose;
    memcpy(facts.app_id, boot.app_id, sizeof facts.app_id);
    facts.instance_id = payload_of(events, count, "instance-id");
    facts.gpu_policy = payload_of(events, count, "gpu-policy-hash");
    SW_TRY(scripts_read(events, count, &facts, err));
    sw_bytes provider = payload_of(events, count, "key-provider");
    if (provider.size > 0) SW_TRY(sw_key_provider_read(a, provider, &facts, err));
    *out = facts;
    return SW_OK;
}

/* ---- version 3: a document ---- */
static sw_status contradicts(const char *name, sw_error *err) {
    return REFUSE(err, "MRCONFIGID's document has another %s than the event log", name);
}

/* A member that stands must be lower-case hex of exactly the fact's bytes; "" where it has none. */
static sw_status member_check(const sw_json *root, const char *name, sw_bytes fact, sw_error *err) {
    sw_bytes text;
    if (sw_json_member(root, name) == NULL) return SW_OK;
    SW_TRY(sw_json_text(root, "mr_config", name, &text, err));
    return sw_hex_is(text, fact) ? SW_OK : contradicts(name, err);
}

/* As in version 2 a compose that pins no id commits to an empty one, whatever the provider's is. */
static sw_status provider_check(const sw_json *root, const sw_config_facts *facts, sw_error *err) {
    static const char name[] = "key_provider_id";
    const sw_json *m = sw_json_member(root, name);
    bool pinned = m == NULL || m->type != SW_JSON_STRING || m->text.size > 0;
    return pinned ? member_check(root, name, facts->provider_id, err) : SW_OK;
}

static sw_status scripts_check(const sw_json *root, const sw_config_facts *facts, sw_error *err) {
    static const char name[] = "init_script_hashes";
    const sw_json *array;
    if (sw_json_member(root, name) == NULL) return SW_OK;
    SW_TRY(sw_json_array(root, "mr_config", name, SW_INIT_SCRIPT_LIMIT, &array, err));
    size_t n = 0;
    for (const sw_json *item = array->first; item != NULL; item = item->next, n++) {
        char hex[2 * SW_HASH_BYTES + 1];
        if (n == facts->init_script_count) return contradicts(name, err);
        sw_hex_text(hex, SW_BYTES_OF(facts->init_scripts[n].b));
        if (item->type != SW_JSON_STRING || !sw_bytes_is(item->text, hex))
            return contradicts(name, err);
    }
    return n == facts->init_script_count ? SW_OK : contradicts(name, err);
}

static sw_status document_check(sw_arena *a, const sw_config_facts *facts, sw_error *err) {
    static const char *const names[] = {"?app_id",
                                        "compose_hash",
                                        "?gpu_policy_hash",
                                        "?init_script_hashes",
                                        "?instance_id",
                                        "key_provider",
                                        "?key_provider_id",
                                        "version",
                                        NULL};
    const sw_json_limits limits = {.bytes = SW_CONFIG_DOCUMENT_LIMIT, .depth = 3, .nodes = 32};
    sw_json *root;
    sw_bytes provider;
    uint64_t version;
    sw_status status = sw_json_parse_canonical(a, facts->document, &limits, &root, err);
    if (status != SW_OK) sw_error_prefix(err, "MRCONFIGID's document");
    SW_TRY(status);
    SW_TRY(sw_json_expect(root, "mr_config", names, err));
    SW_TRY(sw_json_u64(root, "mr_config", "version", 255, &version, err));
    if (version != 3) return REFUSE(err, "MRCONFIGID's document is not of version 3");
    SW_TRY(member_check(root, "compose_hash", SW_BYTES_OF(facts->compose.b), err));
    SW_TRY(member_check(root, "app_id", SW_BYTES_OF(facts->app_id), err));
    SW_TRY(member_check(root, "gpu_policy_hash", facts->gpu_policy, err));
    SW_TRY(member_check(root, "instance_id", facts->instance_id, err));
    SW_TRY(provider_check(root, facts, err));
    SW_TRY(sw_json_text(root, "mr_config", "key_provider", &provider, err));
    if (!sw_bytes_is(provider, PROVIDERS[facts->provider].in_document))
        return contradicts("key_provider", err);
    return scripts_check(root, facts, err);
}

static sw_status document_commitment(const sw_config_facts *facts, sw_hash *out, sw_error *err) {
    static const char domain[] = "dstack-mr-config-v3:"; /* its NUL is part of what is hashed */
    if (facts->document.size == 0)
        return REFUSE(err, "MRCONFIGID is of version 3 and its document is not there");
    if (facts->document.size > SW_CONFIG_DOCUMENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "MRCONFIGID's document has more than %zu bytes",
                       SW_CONFIG_DOCUMENT_LIMIT);
    const sw_bytes parts[] = {SW_BYTES_OF(domain), facts->document};
    sw_sha256_parts(out, parts, 2);
    return SW_OK;
}

/* ---- every version ---- */
static bool is_commitment(const uint8_t id[48], unsigned version, const sw_hash *commitment) {
    uint8_t expected[48] = {(uint8_t)version};
    memcpy(expected + 1, commitment->b, sizeof commitment->b);
    return memcmp(expected, id, sizeof expected) == 0;
}

/* A compose that pins no id commits to an empty one, whatever id the provider turned out to have.
 */
static bool keccak_holds(const uint8_t id[48], const sw_config_facts *facts) {
    const uint8_t kind = (uint8_t)facts->provider;
    const sw_bytes parts[] = {SW_BYTES_OF(facts->compose.b), SW_BYTES_OF(facts->app_id),
                              SW_BYTES(&kind, 1), facts->provider_id};
    sw_hash pinned, unpinned;
    sw_keccak256_parts(&pinned, parts, 4);
    sw_keccak256_parts(&unpinned, parts, 3);
    return is_commitment(id, CONFIG_KECCAK, &pinned) || is_commitment(id, CONFIG_KECCAK, &unpinned);
}

static sw_status document_verify(sw_arena *a, const uint8_t id[48], const sw_config_facts *facts,
                                 sw_error *err) {
    sw_hash commitment;
    SW_TRY(document_commitment(facts, &commitment, err));
    if (!is_commitment(id, CONFIG_DOCUMENT, &commitment))
        return REFUSE(err, "MRCONFIGID is not that of its document");
    return document_check(a, facts, err);
}

sw_status sw_config_id_verify(sw_arena *a, const uint8_t mr_config_id[48],
                              const sw_config_facts *facts, unsigned *version, sw_error *err) {
    static const uint8_t zeros[48];
    unsigned kind = mr_config_id[0];
    if (facts->document.size > 0 && kind != CONFIG_DOCUMENT)
        return REFUSE(err, "MRCONFIGID is of version %u, and a document of version 3 is here",
                      kind);
    if ((size_t)facts->provider >= PROVIDER_COUNT)
        return REFUSE(err, "the key provider is of a kind that is not known");
    switch (kind) {
    case CONFIG_NONE:
        if (memcmp(mr_config_id, zeros, sizeof zeros) != 0)
            return REFUSE(err, "MRCONFIGID is of version 0 and not zero");
        break;
    case CONFIG_COMPOSE:
        if (!is_commitment(mr_config_id, kind, &facts->compose))
            return REFUSE(err, "MRCONFIGID is not that of the compose hash in the event log");
        break;
    case CONFIG_KECCAK:
        if (!keccak_holds(mr_config_id, facts))
            return REFUSE(err, "MRCONFIGID is not that of compose hash, app id and key provider in "
                               "the event log");
        break;
    case CONFIG_DOCUMENT:
        SW_TRY(document_verify(a, mr_config_id, facts, err));
        break;
    default:
        return REFUSE(err, "MRCONFIGID is of version %u, which is not known", kind);
    }
    *version = kind;
    return SW_OK;
}

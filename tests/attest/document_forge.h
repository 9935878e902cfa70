/* SPDX-License-Identifier: Apache-2.0
 *
 * A forged machine whose MRCONFIGID is of the third kind, with the document that it commits to.
 */
#ifndef SW_TESTS_ATTEST_DOCUMENT_FORGE_H
#define SW_TESTS_ATTEST_DOCUMENT_FORGE_H
#include "attest/forge.h"
#include "attest/measure.h"
#include "codec/text.h"

/* SHA-256(domain || NUL || document) behind the version, by the sheet of the format. */
static inline void commit_to(bend *b, sw_bytes document) {
    static const char domain[] = "dstack-mr-config-v3:";
    const sw_bytes parts[] = {SW_BYTES_OF(domain), document};
    sw_hash hash;
    uint8_t id[48] = {3};
    sw_sha256_parts(&hash, parts, 2);
    memcpy(id + 1, hash.b, sizeof hash.b);
    memcpy(in_body(b, AT_MR_CONFIG_ID), id, sizeof id);
    sign_quote(b);
}

static inline void event_hex(const bend *b, const char *name, char *out) {
    sw_hex_text(out, b->events[find_event(b, name)].payload);
}

/* Every member that a host writes, as the log says it. */
static inline sw_bytes document_of(bend *b) {
    char app[41], compose[65], gpu[65], instance[41], text[1024];
    event_hex(b, "app-id", app);
    event_hex(b, "compose-hash", compose);
    event_hex(b, "gpu-policy-hash", gpu);
    event_hex(b, "instance-id", instance);
    (void)snprintf(text, sizeof text,
                   "{\"app_id\":\"%s\",\"compose_hash\":\"%s\",\"gpu_policy_hash\":\"%s\","
                   "\"instance_id\":\"%s\",\"key_provider\":\"none\",\"version\":3}",
                   app, compose, gpu, instance);
    return sw_arena_copy(&b->arena, sw_text(text));
}

/* Evidence that holds. */
static inline void documented_start(bend *b, const forge *house) {
    bend_start(b, house);
    b->e.mr_config = document_of(b);
    commit_to(b, b->e.mr_config);
}

#endif

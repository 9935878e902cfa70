/* SPDX-License-Identifier: Apache-2.0
 *
 * A deployment on a cloud of dstack machines: what is asked of its service, and whether what the
 * service says it built is that. Pure. Docs: docs/formats/dstack.md, DSK-070 on.
 *
 * The service writes the app-compose that is measured, not whoever asks. So its answer is taken
 * only with the exact text, whose hash is computed here and which is compared with what was asked,
 * or when its hash is that of the text that we would have measured.
 */
#ifndef SW_RECIPE_DEPLOY_H
#define SW_RECIPE_DEPLOY_H
#include "codec/json.h"

#define SW_DEPLOY_COMPOSE_LIMIT                                                                    \
    ((size_t)200 << 10) /* below the 256 KiB that dstack 0.5.5 accepts */
#define SW_DEPLOY_ANSWER_LIMIT   ((size_t)1 << 20)
#define SW_DEPLOY_ENV_LIMIT      1024
#define SW_DEPLOY_ENV_BYTES      255
#define SW_DEPLOY_PROVIDER_LIMIT 256 /* bytes of a key provider's id */
#define SW_DEPLOY_WORD_LIMIT     128

typedef struct sw_deployment {
    const char *name;            /* 5 to 63 of A-Z a-z 0-9 -, no - at either end */
    const char *instance_type;   /* "h200.small" */
    const char *image, *region;  /* NULL: the service chooses */
    sw_bytes docker_compose;     /* YAML with services, as it is */
    const char *key_provider_id; /* the one KMS that keys may come from, lower-case hex; NULL: none
                                    is pinned */
    const sw_bytes *env_names;   /* whose values may be sent encrypted later */
    size_t env_count;
    bool gateway; /* the service's gateway may lead to it */
} sw_deployment;

/* SW_REFUSED "compose" or SW_LIMIT "limit" with one sentence. The functions below ask it first. */
SW_NODISCARD sw_status sw_deploy_check(const sw_deployment *d, sw_error *err);
/* app-compose.json as dstack reads it, canonical: keys from a KMS, no logs and no system
 * information for the public, TCB information for everybody, a clock that is secure, no script
 * besides the docker compose. */
SW_NODISCARD sw_status sw_deploy_compose_make(const sw_deployment *d, sw_buffer *out,
                                              sw_error *err);
/* The body of a provision request, canonical. */
SW_NODISCARD sw_status sw_deploy_request_make(const sw_deployment *d, sw_buffer *out,
                                              sw_error *err);

/* 1 to SW_DEPLOY_WORD_LIMIT of A-Z a-z 0-9 . _ - */
bool sw_deploy_word_valid(sw_bytes word);
typedef char sw_deploy_word[SW_DEPLOY_WORD_LIMIT + 1]; /* empty when an answer does not say it */
typedef struct sw_deploy_built {
    sw_hash compose; /* computed */
    sw_deploy_word app_id;
} sw_deploy_built;
/* The answer to it: `app_compose`, the exact text that was built, must have the SHA-256 that
 * `compose_hash` names and say what was asked, no more; where it is not shown, `compose_hash` must
 * be that of sw_deploy_compose_make's. SW_REFUSED "compose", SW_MALFORMED, SW_LIMIT. */
SW_NODISCARD sw_status sw_deploy_answer_check(const sw_deployment *d, sw_bytes answer,
                                              sw_deploy_built *out, sw_error *err);
/* The body of the request that starts what was built, canonical. SW_MISSING without an app id. */
SW_NODISCARD sw_status sw_deploy_start_make(const sw_deploy_built *built, sw_buffer *out,
                                            sw_error *err);
typedef struct sw_deploy_started {
    sw_deploy_word machine, status; /* the service's words */
} sw_deploy_started;
/* The answer to that: app, compose hash and name are those of what was built, where it says them.
 */
SW_NODISCARD sw_status sw_deploy_started_check(const sw_deployment *d, const sw_deploy_built *built,
                                               sw_bytes answer, sw_deploy_started *out,
                                               sw_error *err);
#endif

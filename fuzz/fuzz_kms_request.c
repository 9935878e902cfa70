/* SPDX-License-Identifier: Apache-2.0
 *
 * Every path of the key service with any body. The first byte chooses the path, the rest is the
 * body (or the path itself). The corpus founds its app first, so that the others reach it; key
 * requests are also sent behind a challenge that is good, so that what comes after it is reached.
 */
#include "fuzz.h"
#include "kms/kms.h"
#include "kms/message.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHALLENGE, LOOK, APPS, LEDGER, UNLOCK, KEYS, READ, KEYS_PROVEN, KEYS_CALL, SELECTORS };

static char folder[64], app[65];
static sw_kms *service;
static sw_p256_public peer, any_key;
static uint64_t seed = 20261123;

static sw_status fill(void *context, void *out, size_t size, sw_error *err) {
    (void)context, (void)err;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(seed >> 56);
    }
    return SW_OK;
}

static int64_t wall(void *context) {
    (void)context;
    return INT64_C(1795408892000);
}

static int64_t steady(void *context) {
    static int64_t now;
    (void)context;
    return now++;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at) {
    (void)s, (void)kind, (void)at;
    return remove(path);
}

static void end_service(void) {
    sw_kms_close(&service);
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_key(sw_p256_public *out) {
    sw_entropy e = {fill, NULL};
    uint8_t secret[32];
    FUZZ_REQUIRE(sw_p256_generate(&e, secret, out, NULL) == SW_OK);
}

static void begin_service(void) {
    char sim[96], where[112], dir[96];
    sw_hash compose;
    (void)snprintf(folder, sizeof folder, "/dev/shm/fuzz-kms-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        (void)snprintf(folder, sizeof folder, "/tmp/fuzz-kms-XXXXXX");
        FUZZ_REQUIRE(mkdtemp(folder) != NULL);
    }
    (void)snprintf(sim, sizeof sim, "%s/sim", folder);
    (void)snprintf(where, sizeof where, "sim:%s", sim);
    (void)snprintf(dir, sizeof dir, "%s/kms", folder);
    sw_kms_options o = {.folder = dir,
                        .machine = where,
                        .entropy = {fill, NULL},
                        .clock = {wall, steady, NULL},
                        .program = SW_LITERAL("fuzz")};
    FUZZ_REQUIRE(sw_sim_init(sim, &o.entropy, wall(NULL), NULL) == SW_OK);
    FUZZ_REQUIRE(sw_kms_init(&o, &compose, NULL) == SW_OK);
    FUZZ_REQUIRE(sw_kms_open(&o, &service, NULL) == SW_OK);
    FUZZ_REQUIRE(atexit(end_service) == 0);
    make_key(&peer);
    make_key(&any_key);
}

/* An answer is a success or a refusal that a client can read. */
static void tell(const char *method, const char *path, sw_bytes body, sw_buffer *out) {
    sw_http_request q = {
        .method = method, .path = path, .body = body, .peer = peer, .has_peer = true};
    sw_http_reply reply = {.status = 0, .body = SW_BUFFER(SW_HTTP_BODY_LIMIT)};
    sw_kms_answer(service, &q, &reply);
    FUZZ_REQUIRE(!reply.body.failed);
    if (reply.status != 200) {
        sw_error err = {0};
        FUZZ_REQUIRE(sw_refusal_decode(reply.status, sw_buffer_bytes(&reply.body), &err) != SW_OK);
        FUZZ_REQUIRE(strcmp(err.word, "unavailable") != 0 && strcmp(err.word, "internal") != 0);
    }
    if (out != NULL && reply.status == 200) sw_put_bytes(out, sw_buffer_bytes(&reply.body));
    sw_buffer_free(&reply.body);
}

static void tell_app(const char *rest, sw_bytes body) {
    char path[SW_KMS_PATH_BYTES];
    (void)snprintf(path, sizeof path, SW_KMS_APPS_PATH "/%s%s", app[0] != 0 ? app : "none", rest);
    tell("POST", path, body, NULL);
}

static void found(sw_bytes body) {
    static const char before[] = "{\"app\":\"";
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    tell("POST", SW_KMS_APPS_PATH, body, &answer);
    if (answer.size == sizeof before - 1 + 64 + 2) memcpy(app, answer.data + sizeof before - 1, 64);
}

static void look(void) {
    static const uint8_t nonce[32];
    tell("POST", SW_KMS_LOOK_PATH, SW_BYTES_OF(nonce), NULL);
}

/* The first byte is the purpose; the rest follows a call whose challenge is good. */
static void tell_proven(sw_bytes rest) {
    static const uint8_t nonce[32];
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) answer = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    SW_SCOPED(sw_buffer) json = SW_BUFFER(SW_KMS_REQUEST_LIMIT);
    SW_SCOPED(sw_buffer) body = SW_BUFFER(SW_HTTP_BODY_LIMIT);
    sw_key_call call = {
        .manifest_key = any_key, .response_key = any_key, .open_recipient = any_key};
    if (rest.size == 0) return;
    call.purpose = (sw_purpose)(SW_PURPOSE_TRAIN + rest.data[0] % 4);
    call.renew = rest.data[0] / 128;
    tell("POST", SW_KMS_CHALLENGE_PATH, SW_BYTES_OF(nonce), &answer);
    FUZZ_REQUIRE(answer.size > 4 + sizeof call.challenge.b);
    memcpy(call.challenge.b, answer.data + 4, sizeof call.challenge.b);
    sw_key_call_encode(&arena, &call, &json);
    sw_put_field(&body, sw_buffer_bytes(&json));
    sw_put_bytes(&body, SW_BYTES(rest.data + 1, rest.size - 1));
    tell_app("/keys", sw_buffer_bytes(&body));
}

static void read_path(sw_bytes rest) {
    char path[SW_KMS_PATH_BYTES] = {0};
    size_t size = rest.size < sizeof path ? rest.size : sizeof path - 1;
    memcpy(path, rest.data, size);
    tell("GET", path, (sw_bytes){0}, NULL);
}

static void parse_call(sw_bytes rest) {
    SW_SCOPED(sw_arena) arena = {0};
    SW_SCOPED(sw_buffer) again = SW_BUFFER(SW_KMS_REQUEST_LIMIT);
    sw_key_call call;
    if (sw_key_call_parse(&arena, rest, &call, NULL) != SW_OK) return;
    sw_key_call_encode(&arena, &call, &again);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&again), rest)); /* one value, one encoding */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (service == NULL) begin_service();
    if (size == 0) return 0;
    sw_bytes rest = SW_BYTES(data + 1, size - 1);
    switch (data[0] % SELECTORS) {
    case CHALLENGE:
        tell("POST", SW_KMS_CHALLENGE_PATH, rest, NULL);
        break;
    case LOOK:
        tell("POST", SW_KMS_LOOK_PATH, rest, NULL);
        break;
    case APPS:
        found(rest);
        break;
    case LEDGER:
        tell_app("/ledger", rest);
        break;
    case UNLOCK:
        look();
        tell_app("/unlock", rest);
        break;
    case KEYS:
        tell_app("/keys", rest);
        break;
    case READ:
        read_path(rest);
        break;
    case KEYS_PROVEN:
        tell_proven(rest);
        break;
    default:
        parse_call(rest);
    }
    return 0;
}

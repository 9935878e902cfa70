/* SPDX-License-Identifier: Apache-2.0
 *
 * What the clients' files share: one connection, its own TLS key, calls and pages.
 */
#ifndef SW_KMS_CLIENT_INTERNAL_H
#define SW_KMS_CLIENT_INTERNAL_H
#include "kms/client.h"
#include "kms/message.h"

struct sw_remote {
    char *url;
    sw_entropy entropy;
    sw_http_client *http;
    sw_session_key *tls; /* our side of the connection */
    sw_p256_public tls_public;
    int64_t patience_ms; /* 0: as http has it */
    int64_t until_ms;    /* by the steady clock; with patience */
    sw_rpc *node;        /* of the caller; NULL: none */
};
/* A new connection to the same place; whoever answers there must prove itself again. */
SW_NODISCARD sw_status sw_remote_reconnect(sw_remote *r, sw_error *err);
/* One request; anything but 200 is the peer's refusal as our failure. `server` may be NULL. */
SW_NODISCARD sw_status sw_remote_call(sw_remote *r, const char *method, const char *path,
                                      sw_bytes body, sw_buffer *answer, sw_p256_public *server,
                                      sw_error *err);
/* "/v1/apps/G" and what follows. */
void sw_remote_app_path(char out[SW_KMS_PATH_BYTES], const sw_hash *genesis, const char *rest);

/* Calls `visit` for each entry from index `from` to the journal's end; *head is what the service
 * calls its head. Entries are unverified. A visit that returns SW_EXISTS ends the reading with
 * success. */
typedef sw_status (*sw_remote_visit)(void *context, sw_bytes envelope, sw_error *err);
SW_NODISCARD sw_status sw_remote_pages(sw_remote *r, const char *path, const sw_hash *id,
                                       uint64_t from, sw_remote_visit visit, void *context,
                                       sw_head *head, sw_error *err);
#endif

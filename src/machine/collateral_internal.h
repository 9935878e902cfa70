/* SPDX-License-Identifier: Apache-2.0
 *
 * What fetching for TDX and for GPUs share: one request to a service, and files of the cache.
 */
#ifndef SW_MACHINE_COLLATERAL_INTERNAL_H
#define SW_MACHINE_COLLATERAL_INTERNAL_H
#include "http/fetch.h"
#include "machine/collect.h"

typedef struct sw_source_question {
    const char *url, *field;  /* a header field that is wanted; NULL for none */
    const char *content_type; /* NULL: GET, else POST of `body` */
    sw_bytes body;
    size_t body_limit;
} sw_source_question;
/* An answer of status 200, or a failure that names the address (MCH-053). */
SW_NODISCARD sw_status sw_source_ask(const sw_collateral_source *s, const sw_source_question *q,
                                     sw_fetch_reply *out, sw_error *err);
/* The service's address without slashes at its end. */
SW_NODISCARD sw_status sw_source_base(sw_arena *a, const char *given, const char *usual,
                                      const char **out, sw_error *err);
/* Ends an address that was put together in a buffer with a NUL. */
SW_NODISCARD sw_status sw_source_url(sw_buffer *url, sw_error *err);
#define SW_SOURCE_URL_BYTES (SW_FETCH_URL_LIMIT + 1)

/* Reads one file of the cache into the arena; SW_MISSING when there is none, or no cache. */
SW_NODISCARD sw_status sw_source_cached(const sw_collateral_source *s, sw_arena *a,
                                        const char *name, size_t limit, sw_bytes *out,
                                        sw_error *err);
/* 0600 in a folder of 0700, replaced at once; nothing without a cache. */
SW_NODISCARD sw_status sw_source_keep(const sw_collateral_source *s, const char *name,
                                      sw_bytes content, sw_error *err);
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What dstack's readers share: the attestation before the deny list, and the checks that both of
 * its encodings end with.
 */
#ifndef SW_ATTEST_DSTACK_INTERNAL_H
#define SW_ATTEST_DSTACK_INTERNAL_H
#include "attest/dstack.h"
#include "attest/tdx_internal.h"

/* As sw_dstack_attestation_parse, before the simulator is refused: for tests of its fixtures. */
SW_NODISCARD sw_status sw_dstack_attestation_decode(sw_arena *a, sw_bytes in,
                                                    sw_dstack_attestation *out, sw_error *err);
/* V1 alone; sw_dstack_attestation_check follows. */
SW_NODISCARD sw_status sw_dstack_msgpack_decode(sw_arena *a, sw_bytes in,
                                                sw_dstack_attestation *out, sw_error *err);
/* Extension .9: a msgpack array. */
SW_NODISCARD sw_status sw_dstack_app_info_decode(sw_arena *a, sw_bytes in, sw_dstack_app_info *out,
                                                 sw_error *err);

/* One event of a log from either encoding; `digest` as it is written, empty or 48 bytes. What
 * sw_log_from_json demands is demanded. */
SW_NODISCARD sw_status sw_dstack_event_fill(sw_log_event *event, sw_bytes digest, sw_error *err);
/* The report data that a quote carries. */
SW_NODISCARD sw_status sw_dstack_report_of(sw_bytes quote, uint8_t out[64], sw_error *err);
/* The simulator's events in a log. */
SW_NODISCARD sw_status sw_dstack_deny_log(sw_arena *a, const sw_event_log *log, sw_error *err);
/* Extensions .3 and .4; *there false, an empty usage: absent. Copies in the arena. */
SW_NODISCARD sw_status sw_ratls_app_id(sw_arena *a, const sw_cert *cert, bool *there,
                                       uint8_t out[20], sw_error *err);
SW_NODISCARD sw_status sw_ratls_usage(sw_arena *a, const sw_cert *cert, sw_bytes *out,
                                      sw_error *err);

/* A log behind "ELGZv1": one gzip member of at most 16 KiB, packed and unpacked, as dstack bounds
 * it. The log must be such a one; the text is in the arena. */
#define SW_RATLS_LOG_LIMIT ((size_t)16 << 10)
bool sw_ratls_log_packed(sw_bytes log);
SW_NODISCARD sw_status sw_ratls_log_unpack(sw_arena *a, sw_bytes in, sw_bytes *out, sw_error *err);

static inline sw_status sw_dstack_memory(sw_error *err) {
    return sw_fail(err, SW_MEMORY, "memory", "no memory for what dstack wrote");
}
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that read boot measurements. Docs: docs/formats/measurement.md.
 */
#ifndef SW_ATTEST_MEASURE_INTERNAL_H
#define SW_ATTEST_MEASURE_INTERNAL_H
#include "attest/measure.h"
#include "attest/tdx_internal.h"

/* ---- runtime events (events.c) ---- */
/* 1 to SW_EVENT_NAME_LIMIT bytes, no colon, no control character. */
SW_NODISCARD sw_status sw_event_name_check(sw_bytes name, sw_error *err);
/* What a version 2 digest is made of: the RFC 8785 text of the event. */
void sw_event_v2_text(sw_buffer *out, const sw_event *event);
/* The digest that a log's event extends with: computed for a runtime event, and then a written one
 * must be right; taken as it is for any other. */
SW_NODISCARD sw_status sw_log_event_digest(const sw_log_event *event, uint8_t out[SW_SHA384_BYTES],
                                           sw_error *err);
/* First runtime event of this name before system-ready; NULL for none. */
const sw_event *sw_event_find(const sw_event *events, size_t count, const char *name);

/* ---- CBOR (RFC 8949): definite lengths and shortest heads alone ---- */
/* A map of exactly `pairs` pairs, then its keys in the order in which they are asked for. */
SW_NODISCARD sw_status sw_cbor_map(sw_reader *r, const char *where, size_t *pairs, sw_error *err);
SW_NODISCARD sw_status sw_cbor_key(sw_reader *r, const char *key, sw_error *err);
SW_NODISCARD sw_status sw_cbor_u64(sw_reader *r, const char *where, uint64_t max, uint64_t *out,
                                   sw_error *err);
SW_NODISCARD sw_status sw_cbor_flag(sw_reader *r, const char *where, bool *out, sw_error *err);
SW_NODISCARD sw_status sw_cbor_text(sw_reader *r, const char *where, size_t limit, sw_bytes *out,
                                    sw_error *err);
SW_NODISCARD sw_status sw_cbor_bytes(sw_reader *r, const char *where, size_t limit, sw_bytes *out,
                                     sw_error *err);

/* ---- the blocks behind RTMR0 (hob.c) ---- */
#define SW_HOB_RANGE_LIMIT 64
/* SHA-384 of the hand-off blocks that QEMU gives to the firmware, from the witness list. */
SW_NODISCARD sw_status sw_td_hob_digest(sw_bytes witness, uint64_t memory_bytes,
                                        uint8_t out[SW_SHA384_BYTES], sw_error *err);
#endif

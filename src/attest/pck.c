/* SPDX-License-Identifier: Apache-2.0
 *
 * The PCK certificate's extension (EVD-033): a SEQUENCE of SEQUENCE{OID, value}, read by OID, with
 * each member exactly once. A component above 127 is an INTEGER of two bytes.
 */
#include "attest/tdx_internal.h"
#include "codec/der.h"

#include <string.h>

/* 1.2.840.113741.1.13.1 as OID content; members add one arc, the TCB's parts another. */
static const uint8_t PREFIX[] = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum {
    MEMBER_PPID = 1,
    MEMBER_TCB,
    MEMBER_PCE_ID,
    MEMBER_FMSPC,
    MEMBER_SGX_TYPE,
    MEMBER_INSTANCE,
    MEMBER_CONFIGURATION
};
enum { COMPONENT_COUNT = 16, PART_PCE_SVN = 17, PART_CPU_SVN = 18 };
#define PROCESSOR_MEMBERS                                                                          \
    ((1u << MEMBER_PPID | 1u << MEMBER_TCB | 1u << MEMBER_PCE_ID | 1u << MEMBER_FMSPC |            \
      1u << MEMBER_SGX_TYPE))
#define PLATFORM_MEMBERS (PROCESSOR_MEMBERS | 1u << MEMBER_INSTANCE | 1u << MEMBER_CONFIGURATION)

/* The last arc of an OID below `prefix`, or 0. */
static unsigned last_arc(sw_bytes oid, sw_bytes prefix) {
    bool below = oid.size == prefix.size + 1 && sw_bytes_starts(oid, prefix);
    return below && oid.data[prefix.size] < 0x80 ? oid.data[prefix.size] : 0;
}

static void octets(sw_reader *r, uint8_t *out, size_t size) {
    sw_bytes value = sw_der_read(r, SW_DER_OCTETS);
    if (value.size != size)
        r->failed = true;
    else if (size > 0)
        memcpy(out, value.data, size);
}

static uint64_t bounded(sw_reader *r, uint8_t tag, uint64_t max) {
    uint64_t value = sw_der_read_u64(r, tag);
    if (value > max) r->failed = true;
    return r->failed ? 0 : value;
}

/* One {OID, INTEGER or OCTET STRING} of the TCB; its number, 0 when it is none of ours. */
static unsigned tcb_part(sw_reader *list, sw_pck *out) {
    uint8_t prefix[sizeof PREFIX + 1];
    memcpy(prefix, PREFIX, sizeof PREFIX);
    prefix[sizeof PREFIX] = MEMBER_TCB;
    sw_reader part = sw_der_enter(list, SW_DER_SEQUENCE);
    unsigned number = last_arc(sw_der_read(&part, SW_DER_OID), SW_BYTES_OF(prefix));
    if (number >= 1 && number <= COMPONENT_COUNT)
        out->component[number - 1] = (uint8_t)bounded(&part, SW_DER_INTEGER, UINT8_MAX);
    else if (number == PART_PCE_SVN)
        out->pce_svn = (uint16_t)bounded(&part, SW_DER_INTEGER, UINT16_MAX);
    else if (number == PART_CPU_SVN)
        octets(&part, out->cpu_svn, sizeof out->cpu_svn);
    if (part.failed || part.rest.size != 0) list->failed = true;
    return number;
}

static void tcb_parse(sw_reader *member, sw_pck *out) {
    sw_reader list = sw_der_enter(member, SW_DER_SEQUENCE);
    uint32_t seen = 0;
    while (!list.failed && list.rest.size > 0) {
        unsigned number = tcb_part(&list, out);
        if (number == 0 || number > PART_CPU_SVN || (seen >> number & 1) != 0) list.failed = true;
        seen |= list.failed ? 0 : UINT32_C(1) << number;
    }
    if (list.failed || seen != (UINT32_C(1) << (PART_CPU_SVN + 1)) - 2) member->failed = true;
}

static unsigned member_parse(sw_reader *list, sw_pck *out) {
    uint8_t ignored[16];
    sw_reader member = sw_der_enter(list, SW_DER_SEQUENCE);
    unsigned number = last_arc(sw_der_read(&member, SW_DER_OID), SW_BYTES_OF(PREFIX));
    switch (number) {
    case MEMBER_PPID:
        octets(&member, out->ppid, sizeof out->ppid);
        break;
    case MEMBER_TCB:
        tcb_parse(&member, out);
        break;
    case MEMBER_PCE_ID:
        octets(&member, out->pce_id, sizeof out->pce_id);
        break;
    case MEMBER_FMSPC:
        octets(&member, out->fmspc, sizeof out->fmspc);
        break;
    case MEMBER_SGX_TYPE:
        (void)bounded(&member, SW_DER_ENUMERATED, 2);
        break;
    case MEMBER_INSTANCE:
        octets(&member, ignored, sizeof ignored);
        break;
    case MEMBER_CONFIGURATION:
        (void)sw_der_read(&member, SW_DER_SEQUENCE);
        break;
    default:
        member.failed = true;
        break;
    }
    if (member.failed || member.rest.size != 0) list->failed = true;
    return number;
}

sw_status sw_pck_parse(sw_bytes extension, sw_pck *out, sw_error *err) {
    sw_pck pck = {0};
    uint32_t seen = 0;
    sw_reader r = sw_reader_of(extension);
    sw_reader list = sw_der_enter(&r, SW_DER_SEQUENCE);
    while (!list.failed && list.rest.size > 0) {
        unsigned number = member_parse(&list, &pck);
        if (!list.failed && (seen >> number & 1) != 0) list.failed = true;
        seen |= list.failed ? 0 : UINT32_C(1) << number;
    }
    if (r.failed || list.failed || r.rest.size != 0)
        return BROKEN(err, "the PCK certificate's SGX extension is not of its form (offset %zu)",
                      list.offset);
    if (seen != PROCESSOR_MEMBERS && seen != PLATFORM_MEMBERS)
        return BROKEN(err, "the PCK certificate's SGX extension lacks a member");
    pck.platform = seen == PLATFORM_MEMBERS;
    *out = pck;
    return SW_OK;
}

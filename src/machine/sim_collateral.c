/* SPDX-License-Identifier: Apache-2.0
 *
 * What Intel would publish about the software machine: TCB info version 3, QE identity version 2,
 * the PCK certificate's extension. docs/formats/evidence.md, EVD-090 on.
 *
 * The values are those of an ordinary platform, so that the verifier's rules all have something to
 * bite on; the FMSPC spells SW and belongs to no silicon.
 */
#include "codec/der.h"
#include "codec/text.h"
#include "machine/sim_internal.h"

#define QE_IDENTITY_LIMIT ((size_t)16 << 10)
#define PCK_OID           "1.2.840.113741.1.13.1"
enum { MODULE_LINE = 1, PCK_PARTS = 18 };

const sw_sim_hardware sw_sim_platform = {
    .component = {7, 7, 2, 2, 3, 1, 0, 255}, /* one above 127: a trap for signed bytes */
    .tee_tcb_svn = {5, MODULE_LINE, 3},
    .fmspc = {'S', 'W', 0x53, 0x49, 0x4d, 0},
    .pce_svn = 11,
    .qe_svn = 6,
    .qe_product = 2,
    .qe_attributes = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7},
    .qe_attributes_mask = {0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    .evaluation_number = 1,
};

void sw_sim_qe_signer(uint8_t out[32]) {
    sw_hash signer;
    sw_sha256(&signer, SW_LITERAL("sealwright/sim/qe-signer"));
    for (size_t i = 0; i < sizeof signer.b; i++) out[i] = signer.b[i];
}

/* ---- JSON ---- */
static void put_time(sw_arena *a, sw_json *object, const char *key, int64_t ms) {
    char text[21];
    sw_time_text(text, ms);
    sw_json_add_text(a, object, key, sw_text(text));
}

static void put_level(sw_arena *a, sw_json *level, const char *status, int64_t date_ms) {
    put_time(a, level, "tcbDate", date_ms);
    sw_json_add_text(a, level, "tcbStatus", sw_text(status));
}

static sw_json *put_isv_levels(sw_arena *a, sw_json *parent, uint16_t svn, int64_t date_ms) {
    sw_json *levels = sw_json_add_array(a, parent, "tcbLevels");
    sw_json *level = sw_json_add_object(a, levels, NULL);
    sw_json_add_integer(a, sw_json_add_object(a, level, "tcb"), "isvsvn", svn);
    put_level(a, level, "UpToDate", date_ms);
    return levels;
}

static void put_components(sw_arena *a, sw_json *tcb, const char *key, const uint8_t svn[16]) {
    sw_json *array = sw_json_add_array(a, tcb, key);
    for (size_t i = 0; i < 16; i++)
        sw_json_add_integer(a, sw_json_add_object(a, array, NULL), "svn", svn[i]);
}

static void put_platform_level(sw_arena *a, sw_json *levels, const sw_sim_hardware *h,
                               const char *status, int64_t date_ms) {
    sw_json *level = sw_json_add_object(a, levels, NULL);
    sw_json *tcb = sw_json_add_object(a, level, "tcb");
    put_components(a, tcb, "sgxtcbcomponents", h->component);
    sw_json_add_integer(a, tcb, "pcesvn", h->pce_svn);
    put_components(a, tcb, "tdxtcbcomponents", h->tee_tcb_svn);
    put_level(a, level, status, date_ms);
}

static void put_module(sw_arena *a, sw_json *object) {
    static const uint8_t signer[48], attributes[8];
    sw_json_add_hex(a, object, "mrsigner", SW_BYTES_OF(signer));
    sw_json_add_hex(a, object, "attributes", SW_BYTES_OF(attributes));
    sw_json_add_text(a, object, "attributesMask", SW_LITERAL("ffffffffffffffff"));
}

static void put_frame(sw_arena *a, sw_json *root, const char *id, int64_t version,
                      sw_sim_dates dates) {
    sw_json_add_text(a, root, "id", sw_text(id));
    sw_json_add_integer(a, root, "version", version);
    put_time(a, root, "issueDate", dates.from_ms);
    put_time(a, root, "nextUpdate", dates.until_ms);
    sw_json_add_integer(a, root, "tcbEvaluationDataNumber", sw_sim_platform.evaluation_number);
}

/* {"MEMBER": text, "signature": hex}, the text as it was signed. */
static sw_status put_signed(const sw_sim_key *signer, const char *member, const sw_json *root,
                            sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_SIM_FILE_LIMIT);
    uint8_t signature[64];
    sw_json_encode(&text, root);
    SW_TRY(sw_buffer_check(&text, member, err));
    SW_TRY(sw_p256_sign_raw(signer->b, sw_buffer_bytes(&text), signature, err));
    sw_put_format(out, "{\"%s\":", member);
    sw_put_bytes(out, sw_buffer_bytes(&text));
    sw_put_text(out, ",\"signature\":\"");
    sw_hex_encode(out, SW_BYTES_OF(signature));
    sw_put_text(out, "\"}");
    return sw_buffer_check(out, member, err);
}

sw_status sw_sim_tcb_info_make(const sw_sim_key *signer, sw_sim_dates dates, sw_buffer *out,
                               sw_error *err) {
    static const sw_sim_hardware lowest = {.tee_tcb_svn = {1, MODULE_LINE}};
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)1 << 20};
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    put_frame(&a, root, "TDX", 3, dates);
    sw_json_add_hex(&a, root, "fmspc", SW_BYTES_OF(sw_sim_platform.fmspc));
    sw_json_add_hex(&a, root, "pceId", SW_BYTES_OF(sw_sim_platform.pce_id));
    sw_json_add_integer(&a, root, "tcbType", 0);
    put_module(&a, sw_json_add_object(&a, root, "tdxModule"));
    sw_json *identities = sw_json_add_array(&a, root, "tdxModuleIdentities");
    sw_json *identity = sw_json_add_object(&a, identities, NULL);
    sw_json_add_text(&a, identity, "id", SW_LITERAL("TDX_01"));
    put_module(&a, identity);
    (void)put_isv_levels(&a, identity, sw_sim_platform.tee_tcb_svn[0], dates.from_ms);
    sw_json *levels = sw_json_add_array(&a, root, "tcbLevels");
    put_platform_level(&a, levels, &sw_sim_platform, "UpToDate", dates.from_ms);
    put_platform_level(&a, levels, &lowest, "OutOfDate", dates.from_ms);
    return put_signed(signer, "tcbInfo", root, out, err);
}

sw_status sw_sim_qe_identity_make(const sw_sim_key *signer, sw_sim_dates dates, sw_buffer *out,
                                  sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = (size_t)1 << 20};
    uint8_t mr_signer[32], attributes[16];
    const sw_sim_hardware *h = &sw_sim_platform;
    for (size_t i = 0; i < 16; i++) attributes[i] = h->qe_attributes[i] & h->qe_attributes_mask[i];
    sw_sim_qe_signer(mr_signer);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    put_frame(&a, root, "TD_QE", 2, dates);
    sw_json_add_text(&a, root, "miscselect", SW_LITERAL("00000000"));
    sw_json_add_text(&a, root, "miscselectMask", SW_LITERAL("ffffffff"));
    sw_json_add_hex(&a, root, "attributes", SW_BYTES_OF(attributes));
    sw_json_add_hex(&a, root, "attributesMask", SW_BYTES_OF(h->qe_attributes_mask));
    sw_json_add_hex(&a, root, "mrsigner", SW_BYTES_OF(mr_signer));
    sw_json_add_integer(&a, root, "isvprodid", h->qe_product);
    (void)put_isv_levels(&a, root, h->qe_svn, dates.from_ms);
    return put_signed(signer, "enclaveIdentity", root, out, err);
}

/* ---- the PCK extension ---- */
/* SEQUENCE{OID PCK_OID.tail, value}; value is DER. */
static void put_member(sw_buffer *out, const char *oid, sw_bytes value) {
    SW_SCOPED(sw_buffer) name = SW_BUFFER(64);
    SW_SCOPED(sw_buffer) body = SW_BUFFER(4096);
    if (!sw_der_oid(&name, oid)) sw_buffer_fail(out, SW_INTERNAL);
    sw_der_put(&body, SW_DER_OID, sw_buffer_bytes(&name));
    sw_put_bytes(&body, value);
    if (body.failed) sw_buffer_fail(out, body.cause);
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&body));
}

static void put_octets(sw_buffer *out, const char *oid, sw_bytes octets) {
    SW_SCOPED(sw_buffer) value = SW_BUFFER(64);
    sw_der_put(&value, SW_DER_OCTETS, octets);
    put_member(out, oid, sw_buffer_bytes(&value));
}

static void put_number(sw_buffer *out, const char *oid, uint8_t tag, uint64_t number) {
    SW_SCOPED(sw_buffer) value = SW_BUFFER(64);
    sw_der_put_u64(&value, SW_DER_INTEGER, number);
    if (!value.failed) value.data[0] = tag;
    put_member(out, oid, sw_buffer_bytes(&value));
}

static void put_tcb(sw_buffer *out) {
    static const char *const oids[PCK_PARTS] = {
        PCK_OID ".2.1",  PCK_OID ".2.2",  PCK_OID ".2.3",  PCK_OID ".2.4",  PCK_OID ".2.5",
        PCK_OID ".2.6",  PCK_OID ".2.7",  PCK_OID ".2.8",  PCK_OID ".2.9",  PCK_OID ".2.10",
        PCK_OID ".2.11", PCK_OID ".2.12", PCK_OID ".2.13", PCK_OID ".2.14", PCK_OID ".2.15",
        PCK_OID ".2.16", PCK_OID ".2.17", PCK_OID ".2.18"};
    SW_SCOPED(sw_buffer) parts = SW_BUFFER(4096);
    SW_SCOPED(sw_buffer) list = SW_BUFFER(4096);
    for (size_t i = 0; i < 16; i++)
        put_number(&parts, oids[i], SW_DER_INTEGER, sw_sim_platform.component[i]);
    put_number(&parts, oids[16], SW_DER_INTEGER, sw_sim_platform.pce_svn);
    put_octets(&parts, oids[17], SW_BYTES_OF(sw_sim_platform.component));
    sw_der_put(&list, SW_DER_SEQUENCE, sw_buffer_bytes(&parts));
    if (parts.failed || list.failed) sw_buffer_fail(out, SW_MEMORY);
    put_member(out, PCK_OID ".2", sw_buffer_bytes(&list));
}

static void put_configuration(sw_buffer *out) {
    static const uint8_t yes[] = {SW_DER_BOOLEAN, 1, 0xff};
    SW_SCOPED(sw_buffer) flags = SW_BUFFER(256);
    SW_SCOPED(sw_buffer) list = SW_BUFFER(256);
    put_member(&flags, PCK_OID ".7.1", SW_BYTES_OF(yes));
    put_member(&flags, PCK_OID ".7.2", SW_BYTES_OF(yes));
    put_member(&flags, PCK_OID ".7.3", SW_BYTES_OF(yes));
    sw_der_put(&list, SW_DER_SEQUENCE, sw_buffer_bytes(&flags));
    if (flags.failed || list.failed) sw_buffer_fail(out, SW_MEMORY);
    put_member(out, PCK_OID ".7", sw_buffer_bytes(&list));
}

sw_status sw_sim_pck_extension_make(const uint8_t ppid[16], sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) members = SW_BUFFER(8192);
    sw_hash instance;
    sw_sha256(&instance, SW_BYTES(ppid, 16));
    put_octets(&members, PCK_OID ".1", SW_BYTES(ppid, 16));
    put_tcb(&members);
    put_octets(&members, PCK_OID ".3", SW_BYTES_OF(sw_sim_platform.pce_id));
    put_octets(&members, PCK_OID ".4", SW_BYTES_OF(sw_sim_platform.fmspc));
    put_number(&members, PCK_OID ".5", SW_DER_ENUMERATED, 1);
    put_octets(&members, PCK_OID ".6", SW_BYTES(instance.b, 16));
    put_configuration(&members);
    if (members.failed) sw_buffer_fail(out, members.cause);
    sw_der_put(out, SW_DER_SEQUENCE, sw_buffer_bytes(&members));
    return sw_buffer_check(out, "the PCK extension", err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A manifest for people: what it says and whose certificates it carries, without a word on whether
 * it is true.
 *
 * It is read by the reader of verifiers, so text from outside appears only after its characters
 * were found plain.
 */
#include "attest/explain_lines.h"
#include "attest/rim_internal.h"
#include "codec/text.h"

static void explain_entry(sw_buffer *out, size_t index, const sw_rim_entry *e) {
    for (size_t i = 0; i < e->alternative_count; i++) {
        if (i == 0)
            sw_put_format(out, "  %-22zu ", index);
        else
            sw_put_format(out, "  %-22s ", "  or");
        sw_hex_encode(out, SW_BYTES_OF(e->alternatives[i]));
        sw_put_u8(out, '\n');
    }
}

static void explain(sw_buffer *out, const sw_rim *rim) {
    sw_put_text(out, "reference manifest\n");
    sw_line_text(out, "version", rim->version);
    sw_line_text(out, "product", rim->product);
    sw_line_text(out, "edition", rim->edition);
    sw_line_text(out, "name", rim->name);
    sw_put_format(out, "active measurements (%zu)\n", rim->active_count);
    for (size_t i = 0; i < SW_RIM_INDEX_LIMIT; i++)
        if (rim->entries[i].active) explain_entry(out, i, &rim->entries[i]);
    sw_put_text(out, "certificates, the signer's first\n");
    for (size_t i = 0; i < rim->chain_count; i++) sw_put_certificate(out, rim->chain[i]);
    sw_put_text(out, "nothing above was verified\n");
}

sw_status sw_rim_explain(sw_bytes xml, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_rim) rim = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_RIM_LIMIT);
    sw_rim_xml table;
    sw_rim_parts parts;
    SW_TRY(sw_rim_xml_parse(&a, xml, &table, err));
    SW_TRY(sw_rim_parts_find(&table, &parts, err));
    SW_TRY(sw_rim_certificates(&table, &parts, &rim, err));
    SW_TRY(sw_rim_content(&table, &parts, &rim, err));
    explain(&made, &rim);
    SW_TRY(sw_buffer_check(&made, "the explanation", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "the explanation", err);
}

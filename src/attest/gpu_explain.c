/* SPDX-License-Identifier: Apache-2.0
 *
 * One device's evidence for people: what stands in report and chain, field by field, without a word
 * on whether it is true (GPU-090).
 *
 * Text from outside appears only where the parser found it plain, else as hex.
 */
#include "attest/explain_lines.h"
#include "attest/gpu_internal.h"
#include "codec/text.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_SHOWN_BYTES = 32, EXPLANATION_LIMIT = 64 << 10 };

/* So much of it as tells it from others. */
static void line_start(sw_buffer *out, const char *label, sw_bytes value) {
    size_t shown = value.size < VALUE_SHOWN_BYTES ? value.size : VALUE_SHOWN_BYTES;
    sw_put_format(out, "  %-24s ", label);
    sw_hex_encode(out, SW_BYTES(value.data, shown));
    if (shown < value.size) sw_put_format(out, "... (%zu bytes)", value.size);
    sw_put_u8(out, '\n');
}

/* ---- report ---- */
static void explain_measurements(sw_buffer *out, const sw_gpu_report *r) {
    static const uint8_t zeros[SW_SHA384_BYTES];
    size_t empty = 0;
    sw_put_text(out, "measurements, by index of manifests\n");
    for (size_t i = 0; i < SW_GPU_BLOCK_LIMIT; i++) {
        char label[24];
        if (!r->present[i]) continue;
        if (memcmp(r->blocks[i], zeros, sizeof zeros) == 0) {
            empty++;
            continue;
        }
        (void)snprintf(label, sizeof label, "%zu", i);
        sw_line_hex(out, label, SW_BYTES_OF(r->blocks[i]));
    }
    if (empty > 0) sw_put_format(out, "  %-24s %zu\n", "of zeros", empty);
}

static void explain_opaque(sw_buffer *out, const sw_gpu_report *r) {
    sw_put_text(out, "opaque fields\n");
    for (size_t i = 0; i < r->opaque_count; i++) {
        const char *name = sw_gpu_field_name(r->opaque[i].type);
        char label[48];
        (void)snprintf(label, sizeof label, "%u %s", r->opaque[i].type,
                       name[0] == 0 ? "(not known)" : name);
        line_start(out, label, r->opaque[i].value);
    }
}

static void explain_report(sw_buffer *out, const sw_gpu_report *r) {
    static const char *const features[] = {"one GPU", "several GPUs", "protected PCIe"};
    char driver[128], vbios[128];
    sw_put_text(out, r->is_switch ? "switch\n" : "GPU\n");
    sw_line_hex(out, "nonce", SW_BYTES_OF(r->nonce));
    sw_line_hex(out, "device's own random", SW_BYTES_OF(r->responder_nonce));
    sw_line_text(out, "driver", r->driver);
    sw_line_text(out, "VBIOS", r->vbios);
    sw_line_text(out, "chip", r->chip_info);
    if (r->has_feature) sw_line_text(out, "mode", features[r->feature]);
    if (r->has_fwid) sw_line_hex(out, "firmware id", SW_BYTES_OF(r->fwid));
    sw_gpu_rim_names(r, driver, vbios);
    sw_line_text(out, "driver manifest", driver);
    sw_line_text(out, "VBIOS manifest", vbios);
    sw_put_format(out, "  %-24s %zu\n", "zeros behind the report", r->trailing_bytes);
    explain_opaque(out, r);
    explain_measurements(out, r);
}

/* ---- chain ---- */
static void explain_chain(sw_buffer *out, const sw_gpu_chain *c) {
    sw_put_text(out, "device chain\n");
    sw_line_text(out, "model", c->model);
    sw_line_hex(out, "serial", SW_BYTES(c->serial.b, c->serial.size));
    sw_line_hex(out, "firmware id of the leaf", SW_BYTES_OF(c->fwid));
    for (size_t i = 0; i < SW_GPU_CHAIN_COUNT; i++) sw_put_certificate(out, c->certs[i]);
}

sw_status sw_gpu_explain(const sw_gpu_device *device, sw_buffer *out, sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(EXPLANATION_LIMIT);
    sw_gpu_report report;
    sw_gpu_chain chain = {0};
    SW_TRY(sw_gpu_report_parse(device->report, &report, err));
    if (device->chain.size > 0) SW_TRY(sw_gpu_chain_parse(device->chain, NULL, &chain, err));
    explain_report(&made, &report);
    if (device->chain.size > 0) explain_chain(&made, &chain);
    sw_gpu_chain_free(&chain);
    SW_TRY(sw_buffer_check(&made, "the explanation", err));
    sw_put_bytes(out, sw_buffer_bytes(&made));
    return sw_buffer_check(out, "the explanation", err);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * TDX-lite: the registers that a named dstack OS image boots to, recomputed from two small files of
 * the image, without the image (MSR-060 to MSR-072).
 *
 * The checksum file's SHA-256 is the image's name; it lists the measurement file, which holds what
 * is fixed in an image. What depends on the machine is its memory size, a hint of the host's that
 * only one value of RTMR0 fits, and three ACPI digests, which are taken as the log has them: ACPI
 * tables are the host's own (docs/formats/measurement.md says what follows from that).
 */
#include "attest/measure_internal.h"
#include "codec/text.h"

#include <string.h>

#define SHA384 SW_SHA384_BYTES

/* ---- the checksum file: lines of "HEX  NAME\n" ---- */
enum { CHECKSUM_LINE_LIMIT = 64 };
#define MEASUREMENT_NAME "measurement.tdx.cbor"

static bool name_plain(sw_bytes name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || (c != '.' && c != '_' && c != '-'))) return false;
    }
    return name.size > 0 && !sw_bytes_is(name, "sha256sum.txt");
}

static sw_status line_read(sw_bytes line, size_t number, sw_hash *hash, sw_bytes *name,
                           sw_error *err) {
    enum { DIGITS = 2 * SW_HASH_BYTES };
    bool shaped =
        line.size > DIGITS + 2 && line.data[DIGITS] == ' ' && line.data[DIGITS + 1] == ' ';
    sw_bytes digits = {line.data, shaped ? DIGITS : 0};
    if (!shaped || sw_hex_decode(hash->b, sizeof hash->b, digits, false, NULL) != SW_OK)
        return BROKEN(err, "line %zu of the checksum file is no SHA-256, two spaces and a name",
                      number);
    *name = SW_BYTES(line.data + DIGITS + 2, line.size - DIGITS - 2);
    if (!name_plain(*name))
        return BROKEN(err, "line %zu of the checksum file has no plain file name", number);
    return SW_OK;
}

/* Every line is judged, so that a file has one reading. */
static sw_status checksum_find(sw_bytes file, sw_hash *out, sw_error *err) {
    sw_bytes names[CHECKSUM_LINE_LIMIT];
    size_t count = 0;
    bool found = false;
    while (file.size > 0) {
        const uint8_t *end = memchr(file.data, '\n', file.size);
        if (end == NULL) return BROKEN(err, "the checksum file's last line does not end");
        if (count == CHECKSUM_LINE_LIMIT)
            return sw_fail(err, SW_LIMIT, "evidence", "the checksum file has more than %d lines",
                           CHECKSUM_LINE_LIMIT);
        size_t size = (size_t)(end - file.data);
        sw_hash hash;
        SW_TRY(line_read(SW_BYTES(file.data, size), count + 1, &hash, &names[count], err));
        for (size_t i = 0; i < count; i++)
            if (sw_bytes_equal(names[i], names[count]))
                return BROKEN(err, "line %zu of the checksum file repeats a name", count + 1);
        if (sw_bytes_is(names[count++], MEASUREMENT_NAME)) {
            *out = hash;
            found = true;
        }
        file = SW_BYTES(end + 1, file.size - size - 1);
    }
    if (!found) return REFUSE(err, "the checksum file does not list " MEASUREMENT_NAME);
    return SW_OK;
}

/* ---- the measurement file ---- */
enum {
    VERSION_DIGEST = 3, /* holds the command line's digest */
    VERSION_TEXT = 4,   /* holds the command line */
    CMDLINE_LIMIT = 4096,
    WITNESS_LIMIT = 1024
};
typedef struct document {
    uint8_t cmdline[SHA384], kernel[SHA384], initrd[SHA384], mrtd[2][SHA384];
    bool normalized; /* the firmware sets the kernel's boot header itself, at any memory size */
    sw_bytes witness;
} document;

static sw_status digest_read(sw_reader *r, const char *key, uint8_t out[SHA384], sw_error *err) {
    sw_bytes bytes;
    SW_TRY(sw_cbor_key(r, key, err));
    SW_TRY(sw_cbor_bytes(r, key, SHA384, &bytes, err));
    if (bytes.size != SHA384) return BROKEN(err, "%s has not %d bytes", key, SHA384);
    memcpy(out, bytes.data, SHA384);
    return SW_OK;
}

/* What the firmware hands to the kernel and measures: UTF-16, with the initrd's name and a NUL. */
static sw_status cmdline_read(sw_reader *r, uint8_t out[SHA384], sw_error *err) {
    static const char suffix[] = " initrd=initrd"; /* its NUL is measured as well */
    sw_bytes text;
    SW_TRY(sw_cbor_key(r, "cmdline", err));
    SW_TRY(sw_cbor_text(r, "cmdline", CMDLINE_LIMIT, &text, err));
    SW_SCOPED(sw_buffer) wide = SW_BUFFER((size_t)2 * CMDLINE_LIMIT + 2 * sizeof suffix);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return BROKEN(err, "cmdline holds a character that is not printable ASCII");
        sw_put_u16le(&wide, text.data[i]);
    }
    for (size_t i = 0; i < sizeof suffix; i++) sw_put_u16le(&wide, (uint8_t)suffix[i]);
    SW_TRY(sw_buffer_check(&wide, "cmdline", err));
    sw_sha384(out, sw_buffer_bytes(&wide));
    return SW_OK;
}

static sw_status pairs_expect(sw_reader *r, const char *where, size_t expected, sw_error *err) {
    size_t pairs;
    SW_TRY(sw_cbor_map(r, where, &pairs, err));
    if (pairs != expected) return BROKEN(err, "%s has not %zu members", where, expected);
    return SW_OK;
}

static sw_status image_read(sw_reader *r, uint64_t version, document *out, sw_error *err) {
    size_t pairs;
    SW_TRY(sw_cbor_key(r, "image", err));
    SW_TRY(sw_cbor_map(r, "image", &pairs, err));
    bool flagged = pairs == 4;
    if (pairs != 3 && !flagged) return BROKEN(err, "image has not its three members");
    if (version == VERSION_TEXT)
        SW_TRY(cmdline_read(r, out->cmdline, err));
    else
        SW_TRY(digest_read(r, "cmdline_sha384", out->cmdline, err));
    SW_TRY(digest_read(r, "kernel_authenticode", out->kernel, err));
    if (flagged) {
        SW_TRY(sw_cbor_key(r, "kernel_header_normalized", err));
        SW_TRY(sw_cbor_flag(r, "kernel_header_normalized", &out->normalized, err));
        if (!out->normalized) return BROKEN(err, "kernel_header_normalized is written and false");
    }
    return digest_read(r, "initrd_sha384", out->initrd, err);
}

static sw_status firmware_read(sw_reader *r, document *out, sw_error *err) {
    sw_bytes layout;
    SW_TRY(sw_cbor_key(r, "tdvf", err));
    SW_TRY(pairs_expect(r, "tdvf", 3, err));
    SW_TRY(sw_cbor_key(r, "ovmf", err));
    SW_TRY(sw_cbor_text(r, "ovmf", 64, &layout, err));
    if (!sw_bytes_is(layout, "pre202505"))
        return REFUSE(err, "the measurement file is of a firmware whose events are not known here");
    SW_TRY(sw_cbor_key(r, "mrtd", err));
    SW_TRY(pairs_expect(r, "mrtd", 2, err));
    SW_TRY(digest_read(r, "single_pass", out->mrtd[0], err));
    SW_TRY(digest_read(r, "two_pass", out->mrtd[1], err));
    SW_TRY(sw_cbor_key(r, "td_hob", err));
    return sw_cbor_bytes(r, "td_hob", WITNESS_LIMIT, &out->witness, err);
}

static sw_status document_read(sw_bytes file, document *out, sw_error *err) {
    sw_reader r = sw_reader_of(file);
    document made = {0};
    uint64_t version;
    SW_TRY(pairs_expect(&r, "the measurement file", 3, err));
    SW_TRY(sw_cbor_key(&r, "version", err));
    SW_TRY(sw_cbor_u64(&r, "version", UINT32_MAX, &version, err));
    if (version != VERSION_DIGEST && version != VERSION_TEXT)
        return REFUSE(err, "the measurement file is of a version that is neither 3 nor 4");
    SW_TRY(image_read(&r, version, &made, err));
    SW_TRY(firmware_read(&r, &made, err));
    if (r.rest.size != 0)
        return BROKEN(err, "the measurement file has %zu bytes too many", r.rest.size);
    *out = made;
    return SW_OK;
}

/* ---- registers ---- */
static void extend_with(uint8_t rtmr[SHA384], sw_bytes measured) {
    uint8_t digest[SHA384];
    sw_sha384(digest, measured);
    sw_rtmr_extend(rtmr, digest);
}

/* GUIDs as they lie in memory. */
static const uint8_t GLOBAL_VARIABLE[16] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                            0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
static const uint8_t IMAGE_SECURITY[16] = {0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
                                           0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f};
static const struct {
    const uint8_t *guid;
    const char *name;
} VARIABLES[] = {{GLOBAL_VARIABLE, "SecureBoot"},
                 {GLOBAL_VARIABLE, "PK"},
                 {GLOBAL_VARIABLE, "KEK"},
                 {IMAGE_SECURITY, "db"},
                 {IMAGE_SECURITY, "dbx"}};

/* A variable without a value (UEFI_VARIABLE_DATA). */
static void extend_with_variable(uint8_t rtmr[SHA384], const uint8_t guid[16], const char *name) {
    uint8_t data[64] = {0};
    size_t length = strlen(name), at = 16 + 8 + 8;
    memcpy(data, guid, 16);
    data[16] = (uint8_t)length;
    for (size_t i = 0; i < length; i++, at += 2) data[at] = (uint8_t)name[i];
    extend_with(rtmr, SW_BYTES(data, at));
}

/* The empty configuration volume and the setup menu's boot option of this firmware layout. */
static const uint8_t CONFIGURATION_VOLUME[SHA384] = {
    0x34, 0x4b, 0xc5, 0x1c, 0x98, 0x0b, 0xa6, 0x21, 0xaa, 0xa0, 0x0d, 0xa3, 0xed, 0x74, 0x36, 0xf7,
    0xd6, 0xe5, 0x49, 0x19, 0x7d, 0xfe, 0x69, 0x95, 0x15, 0xdf, 0xa2, 0xc6, 0x58, 0x3d, 0x95, 0xe6,
    0x41, 0x2a, 0xf2, 0x1c, 0x09, 0x7d, 0x47, 0x31, 0x55, 0x87, 0x5f, 0xfd, 0x56, 0x1d, 0x67, 0x90};
static const uint8_t BOOT_0000[SHA384] = {
    0x23, 0xad, 0xa0, 0x7f, 0x52, 0x61, 0xf1, 0x2f, 0x34, 0xa0, 0xbd, 0x8e, 0x46, 0x76, 0x09, 0x62,
    0xd6, 0xb4, 0xd5, 0x76, 0xa4, 0x16, 0xf1, 0xfe, 0xa1, 0xc6, 0x4b, 0xc6, 0x56, 0xb1, 0xd2, 0x8e,
    0xac, 0xf7, 0x04, 0x7a, 0xe6, 0xe9, 0x67, 0xc5, 0x8f, 0xd2, 0xa9, 0x8b, 0xfa, 0x74, 0xc2, 0x98};
static const uint8_t SEPARATOR[4], BOOT_ORDER[2]; /* zeros */

static void rtmr0_make(const uint8_t hob[SHA384], const uint8_t acpi[3][SHA384],
                       uint8_t out[SHA384]) {
    sw_rtmr_extend(out, hob);
    sw_rtmr_extend(out, CONFIGURATION_VOLUME);
    for (size_t i = 0; i < sizeof VARIABLES / sizeof VARIABLES[0]; i++)
        extend_with_variable(out, VARIABLES[i].guid, VARIABLES[i].name);
    extend_with(out, SW_BYTES_OF(SEPARATOR));
    for (size_t i = 0; i < 3; i++) sw_rtmr_extend(out, acpi[i]);
    extend_with(out, SW_BYTES_OF(BOOT_ORDER));
    sw_rtmr_extend(out, BOOT_0000);
}

static void rtmr1_make(const document *d, uint8_t out[SHA384]) {
    sw_rtmr_extend(out, d->kernel);
    extend_with(out, SW_LITERAL("Calling EFI Application from Boot Option"));
    extend_with(out, SW_BYTES_OF(SEPARATOR));
    extend_with(out, SW_LITERAL("Exit Boot Services Invocation"));
    extend_with(out, SW_LITERAL("Exit Boot Services Returned with Success"));
}

/* ---- ACPI ---- */
enum { EV_PLATFORM_CONFIG_FLAGS = 10 };
static const char *const ACPI_NAMES[SW_ACPI_COUNT] = {"acpi-loader", "acpi-rsdp", "acpi-tables"};

/* Before 0.6 the three events have no names. */
sw_status sw_lite_acpi(const sw_event_log *log, uint8_t out[SW_ACPI_COUNT][SHA384], sw_error *err) {
    uint8_t found[SW_ACPI_COUNT][SHA384];
    size_t n = 0;
    for (size_t i = 0; i < log->count; i++) {
        const sw_log_event *event = &log->events[i];
        if (event->imr != 0 || event->type != EV_PLATFORM_CONFIG_FLAGS) continue;
        if (n == SW_ACPI_COUNT)
            return REFUSE(err, "the event log has more than three ACPI digests");
        if (event->name.size > 0 && !sw_bytes_is(event->name, ACPI_NAMES[n]))
            return REFUSE(err, "the event log's ACPI digest %zu is not named %s", n, ACPI_NAMES[n]);
        SW_TRY(sw_log_event_digest(event, found[n++], err));
    }
    if (n != SW_ACPI_COUNT) return REFUSE(err, "the event log has not its three ACPI digests");
    memcpy(out, found, sizeof found);
    return SW_OK;
}

/* ---- everything together ---- */
static sw_status image_check(const sw_lite_image *image, sw_hash *name, sw_error *err) {
    sw_hash listed, own;
    if (image->checksum_file.size > SW_CHECKSUM_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the checksum file has more than %zu bytes",
                       SW_CHECKSUM_LIMIT);
    if (image->measurement.size > SW_MEASUREMENT_LIMIT)
        return sw_fail(err, SW_LIMIT, "evidence", "the measurement file has more than %zu bytes",
                       SW_MEASUREMENT_LIMIT);
    SW_TRY(checksum_find(image->checksum_file, &listed, err));
    sw_sha256(&own, image->measurement);
    if (!sw_hash_equal(&listed, &own))
        return REFUSE(err, "the measurement file is not the one that the checksum file lists");
    sw_sha256(name, image->checksum_file);
    return SW_OK;
}

/* QEMU places the initrd by the size of memory below 4 GiB and writes the place into the kernel's
 * header, which is measured; the digest at hand is that of these sizes. */
static sw_status memory_check(const document *d, uint64_t memory_bytes, sw_error *err) {
    if (d->normalized || memory_bytes == UINT64_C(0x80000000) ||
        memory_bytes >= UINT64_C(0xb0000000))
        return SW_OK;
    return REFUSE(err, "the machine's memory is neither 2 GiB nor at least 2816 MiB, for which the "
                       "image has no measurement");
}

sw_status sw_lite_measure(const sw_lite_image *image, const sw_lite_machine *machine,
                          sw_lite_values *out, sw_error *err) {
    sw_lite_values values = {0};
    document d;
    uint8_t hob[SHA384];
    SW_TRY(image_check(image, &values.os_image, err));
    SW_TRY(document_read(image->measurement, &d, err));
    SW_TRY(memory_check(&d, machine->memory_bytes, err));
    SW_TRY(sw_td_hob_digest(d.witness, machine->memory_bytes, hob, err));
    memcpy(values.mrtd, d.mrtd, sizeof values.mrtd);
    rtmr0_make(hob, machine->acpi, values.rtmr[0]);
    rtmr1_make(&d, values.rtmr[1]);
    sw_rtmr_extend(values.rtmr[2], d.cmdline);
    sw_rtmr_extend(values.rtmr[2], d.initrd);
    *out = values;
    return SW_OK;
}

sw_status sw_lite_check(const sw_lite_values *values, const sw_td_measurements *td,
                        const sw_event *events, size_t count, sw_error *err) {
    if (memcmp(td->mrtd, values->mrtd[0], SHA384) != 0 &&
        memcmp(td->mrtd, values->mrtd[1], SHA384) != 0)
        return REFUSE(err, "the quote's MRTD is none of the image's two");
    for (size_t i = 0; i < 3; i++)
        if (memcmp(td->rtmr[i], values->rtmr[i], SHA384) != 0)
            return REFUSE(err, "the quote's RTMR%zu is not that of the image", i);
    const sw_event *named = sw_event_find(events, count, "os-image-hash");
    if (named != NULL && !sw_bytes_equal(named->payload, SW_BYTES_OF(values->os_image.b)))
        return REFUSE(err, "the event os-image-hash names another image than the one measured");
    return SW_OK;
}

sw_status sw_lite_verify(const sw_evidence_image *image, const sw_td_measurements *td,
                         const sw_event *events, size_t count, sw_hash *os_image, sw_error *err) {
    sw_lite_values values;
    SW_TRY(sw_lite_measure(&image->files, &image->machine, &values, err));
    SW_TRY(sw_lite_check(&values, td, events, count, err));
    *os_image = values.os_image;
    return SW_OK;
}

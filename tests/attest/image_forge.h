/* SPDX-License-Identifier: Apache-2.0
 *
 * A forged machine that booted the synthetic TDX-lite image of golden_boot.py, its evidence with
 * the member `image`, and a policy that names the image by its hash.
 */
#ifndef SW_TESTS_ATTEST_IMAGE_FORGE_H
#define SW_TESTS_ATTEST_IMAGE_FORGE_H
#include "attest/forge.h"
#include "attest/golden_boot.h"
#include "attest/measure.h"

#define GIB (UINT64_C(1) << 30)

typedef struct booted {
    bend b;
    sw_evidence_image image;
    sw_lite_values values;
} booted;

static inline sw_event_log golden_log(sw_arena *a) {
    sw_event_log log;
    assert_int_equal(sw_log_from_json(a, SW_LITERAL(GOLDEN_JSON_EMPTY), &log, NULL), SW_OK);
    return log;
}

/* MRTD and RTMR0 to RTMR2 as they are now measured, signed. */
static inline void boot_image(booted *m) {
    sw_error err = {0};
    if (sw_lite_measure(&m->image.files, &m->image.machine, &m->values, &err) != SW_OK)
        fail_msg("%s", err.message);
    memcpy(in_body(&m->b, AT_MRTD), m->values.mrtd[1], 48);
    memcpy(in_body(&m->b, AT_RTMR0), m->values.rtmr, 3 * 48);
    sign_quote(&m->b);
}

static inline void name_by_hash(booted *m) {
    sw_image *image = &m->b.policy.images[0];
    *image = (sw_image){.by_hash = true, .any_acpi = true, .any_memory = true};
    (void)strcpy(image->name, "dstack-0.6");
    image->os_image = m->values.os_image;
    m->b.policy.image_count = 1;
}

static inline void booted_start(booted *m, const forge *house) {
    *m = (booted){0};
    bend_start(&m->b, house);
    sw_event_log log = golden_log(&m->b.arena);
    m->image.machine.memory_bytes = 4 * GIB;
    assert_int_equal(sw_lite_acpi(&log, m->image.machine.acpi, NULL), SW_OK);
    m->image.files.measurement = unhex(&m->b.arena, GOLDEN_LITE_V4);
    m->image.files.checksum_file = SW_LITERAL(GOLDEN_LITE_V4_CHECKSUMS);
    m->b.e.image = &m->image;
    boot_image(m);
    name_by_hash(m);
}

static inline void booted_end(booted *m) {
    bend_end(&m->b);
}

#endif

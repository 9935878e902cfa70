/* SPDX-License-Identifier: Apache-2.0
 *
 * The points of a run that is not over, as bytes: what a resumed run draws its curve from
 * (docs/formats/training.md, CRV-006).
 */
#include "train/curve.h"
#include <string.h>

#define MAGIC       "SWCURVE"
#define POINT_BYTES (sizeof(uint64_t) + SW_SERIES_COUNT * sizeof(double))
#define HEAD_BYTES  (sizeof MAGIC + SW_HASH_BYTES)

void sw_curve_put(const sw_curve *c, const sw_hash *of, sw_buffer *out) {
    sw_put_bytes(out, SW_BYTES(MAGIC, sizeof MAGIC));
    sw_put_bytes(out, SW_BYTES_OF(of->b));
    for (size_t i = 0; i < c->count; i++) {
        sw_put_u64le(out, c->points[i].step);
        for (int s = 0; s < SW_SERIES_COUNT; s++) {
            uint64_t bits;
            memcpy(&bits, &c->points[i].value[s], sizeof bits);
            sw_put_u64le(out, bits);
        }
    }
}

static sw_curve_point read_point(sw_reader *r, bool *finite) {
    sw_curve_point p = {.step = sw_read_u64le(r)};
    for (int s = 0; s < SW_SERIES_COUNT; s++) {
        uint64_t bits = sw_read_u64le(r);
        memcpy(&p.value[s], &bits, sizeof bits);
        *finite &= __builtin_isfinite(p.value[s]) != 0;
    }
    return p;
}

sw_status sw_curve_parse(sw_bytes in, uint64_t steps, sw_hash *of, sw_curve_point *points,
                         sw_error *err) {
    sw_reader r = sw_reader_of(in);
    sw_bytes magic = sw_read_bytes(&r, sizeof MAGIC), hash = sw_read_bytes(&r, SW_HASH_BYTES);
    if (r.failed || memcmp(magic.data, MAGIC, sizeof MAGIC) != 0)
        return sw_fail(err, SW_MALFORMED, "format", "the steps so far are not of this version");
    size_t count = r.rest.size / POINT_BYTES;
    if (r.rest.size % POINT_BYTES || count < steps)
        return sw_fail(err, SW_MALFORMED, "format",
                       "the steps so far are %zu, and the state is of step %llu", count,
                       (unsigned long long)steps);
    bool sound = true;
    sw_reader all = r;
    for (size_t i = 0; i < count; i++) sound &= read_point(&all, &sound).step == i + 1;
    if (!sound) return sw_fail(err, SW_MALFORMED, "format", "the steps so far are damaged");
    for (size_t i = 0; i < steps; i++) points[i] = read_point(&r, &sound);
    memcpy(of->b, hash.data, SW_HASH_BYTES);
    return SW_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifier over a forged out folder: what the tests of its rules share.
 */
#ifndef SW_TESTS_MANIFEST_FORGED_WALK_H
#define SW_TESTS_MANIFEST_FORGED_WALK_H
#include "manifest/forge.h"

/* ---- running one case ---- */

typedef struct seen {
    char last[64];
    size_t held;
    bool broken;
} seen;

static inline void on_link(void *context, const char *name, bool ok, const char *detail) {
    seen *s = context;
    assert_false(s->broken); /* the first that does not hold is the last reported */
    assert_true(strlen(detail) > 0);
    (void)snprintf(s->last, sizeof s->last, "%s", name);
    s->broken = !ok;
    s->held += ok;
}

static inline sw_status walk(const sw_manifest_input *in, seen *s, sw_manifest_verdict *verdict,
                             sw_error *err) {
    const sw_manifest_report report = {s, on_link};
    *s = (seen){0};
    return sw_manifest_verify(in, &report, verdict, err);
}

static inline void accepted(const sw_manifest_input *in, sw_manifest_verdict *verdict) {
    sw_error err = {0};
    seen s;
    sw_status status = walk(in, &s, verdict, &err);
    if (status != SW_OK) print_message("# %s: %s\n", s.last, err.message);
    assert_int_equal(status, SW_OK);
    assert_false(s.broken);
}

/* Refused at this link with this sentence (a part of it); the verdict is untouched. */
static inline void refused(const sw_manifest_input *in, const char *name, const char *link,
                           const char *sentence) {
    sw_manifest_verdict verdict, before;
    sw_error err = {0};
    seen s;
    memset(&verdict, 0x5a, sizeof verdict);
    memcpy(&before, &verdict, sizeof verdict);
    sw_status status = walk(in, &s, &verdict, &err);
    bool right = status != SW_OK && s.broken && strcmp(s.last, link) == 0 &&
                 strstr(err.message, sentence) != NULL;
    if (!right) print_message("# %s: at '%s': %s\n", name, s.last, err.message);
    assert_true(right);
    assert_memory_equal(&verdict, &before, sizeof verdict);
}

static inline int set_up(void **state) {
    *state = forge_new(false);
    return 0;
}

static inline int tear_down(void **state) {
    forge_close(*state);
    return 0;
}
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotes by configfs-tsm and RTMRs by sysfs (MCH-010 to MCH-018).
 *
 * The TDX driver makes one quote at a time, and others on the machine may ask too: a lock orders
 * those that know it, and the entry's generation tells of those that do not. The quote comes from
 * the host by way of the kernel, so it is looked at for our own report data and believed in
 * nothing else.
 */
#include "codec/text.h"
#include "machine/collect.h"
#include "sys/files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_RANDOM_BYTES = 8, SMALL_FILE_BYTES = 64, WAIT_MS = 20, RETRY_MS = 50 };

/* ---- one at a time ---- */
static sw_status lock_wait(const sw_tsm *t, int *fd, sw_error *err) {
    int64_t since = t->clock.steady_ms(t->clock.context);
    for (;;) {
        sw_status status = sw_lock_take(t->lock_path, fd, err);
        if (status != SW_REFUSED) return status;
        if (t->clock.steady_ms(t->clock.context) - since > SW_TSM_LOCK_MS) return status;
        t->files.pause(t->files.context, WAIT_MS);
    }
}

/* ---- files ---- */
static sw_status file_failed(sw_error *err, const char *doing, const char *path, int cause) {
    if (cause == ENOENT || cause == ENOTDIR)
        return sw_fail(err, SW_MISSING, "missing", "%s %s: the kernel has no such file", doing,
                       path);
    if (cause == EFBIG || cause == E2BIG)
        return sw_fail(err, SW_LIMIT, "limit", "%s %s: it is larger than any that is taken", doing,
                       path);
    return sw_fail(err, SW_IO, "io", "%s %s: %s", doing, path, strerror(cause));
}

static bool passing(int cause) {
    return cause == EBUSY || cause == EINTR || cause == EAGAIN;
}

static sw_status path_of(char out[512], const char *folder, const char *name, sw_error *err) {
    int size = snprintf(out, 512, "%s/%s", folder, name);
    if (size < 0 || size >= 512) return sw_fail(err, SW_LIMIT, "limit", "a path is too long");
    return SW_OK;
}

/* ---- an entry ---- */
typedef struct entry {
    const sw_tsm *t;
    char folder[256];
    uint64_t generation; /* before our write */
} entry;

static sw_status entry_make(const sw_tsm *t, entry *e, sw_error *err) {
    uint8_t chance[ENTRY_RANDOM_BYTES];
    char text[2 * ENTRY_RANDOM_BYTES + 1];
    *e = (entry){.t = t};
    SW_TRY(sw_entropy_fill(&t->entropy, chance, sizeof chance, err));
    sw_hex_text(text, SW_BYTES_OF(chance));
    int size = snprintf(e->folder, sizeof e->folder, "%s/sealwright-%s", t->report_folder, text);
    if (size < 0 || (size_t)size >= sizeof e->folder)
        return sw_fail(err, SW_LIMIT, "limit", "a path is too long");
    int cause = t->files.make_entry(t->files.context, e->folder);
    if (cause == 0) return SW_OK;
    sw_status status = file_failed(err, "making", e->folder, cause);
    sw_error_hint(err, "quotes need a TDX guest with Linux 6.7 or later, configfs mounted, and "
                       "root");
    return status;
}

static int entry_read(const entry *e, const char *name, size_t limit, sw_buffer *out) {
    char path[512];
    if (path_of(path, e->folder, name, NULL) != SW_OK) return ENAMETOOLONG;
    return e->t->files.read(e->t->files.context, path, limit, out);
}

/* A text attribute, without its line feed. */
static sw_status entry_text(const entry *e, const char *name, char out[SMALL_FILE_BYTES],
                            sw_error *err) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SMALL_FILE_BYTES);
    int cause = entry_read(e, name, SMALL_FILE_BYTES - 1, &text);
    if (cause != 0) return file_failed(err, "reading", name, cause);
    size_t size = text.size;
    if (size > 0 && text.data[size - 1] == '\n') size--;
    for (size_t i = 0; i < size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return sw_fail(err, SW_MALFORMED, "format", "the kernel's %s is not one word", name);
    if (size > 0) memcpy(out, text.data, size);
    out[size] = 0;
    return SW_OK;
}

static sw_status provider_check(const entry *e, sw_error *err) {
    char provider[SMALL_FILE_BYTES];
    SW_TRY(entry_text(e, "provider", provider, err));
    if (strcmp(provider, "tdx_guest") != 0)
        return sw_fail(err, SW_REFUSED, "unsupported",
                       "the kernel's quotes come from %s, and not from tdx_guest", provider);
    return SW_OK;
}

static sw_status generation_read(const entry *e, uint64_t *out, sw_error *err) {
    char text[SMALL_FILE_BYTES];
    uint64_t value = 0;
    SW_TRY(entry_text(e, "generation", text, err));
    size_t size = strlen(text);
    bool good = size > 0 && size <= 18;
    for (size_t i = 0; good && i < size; i++) {
        good = text[i] >= '0' && text[i] <= '9';
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (!good) return sw_fail(err, SW_MALFORMED, "format", "the kernel's generation is no number");
    *out = value;
    return SW_OK;
}

/* One go. *again: something passing stood in the way, and *quote is as it was. */
static sw_status quote_try(entry *e, const sw_report_data *report, sw_buffer *quote, bool *again,
                           sw_error *err) {
    char path[512];
    uint64_t after;
    size_t before = quote->size;
    *again = true;
    SW_TRY(path_of(path, e->folder, "inblob", err));
    SW_TRY(generation_read(e, &e->generation, err));
    int cause = e->t->files.write(e->t->files.context, path, SW_BYTES_OF(report->b));
    if (passing(cause)) return SW_OK;
    if (cause != 0) return file_failed(err, "writing", "inblob", cause);
    cause = entry_read(e, "outblob", SW_QUOTE_LIMIT, quote);
    if (passing(cause)) return SW_OK;
    if (cause != 0) return file_failed(err, "reading", "outblob", cause);
    SW_TRY(generation_read(e, &after, err));
    *again = after != e->generation + 1; /* somebody else wrote to this entry */
    if (*again) quote->size = before;
    return SW_OK;
}

static sw_status quote_make(entry *e, const sw_report_data *report, sw_buffer *quote,
                            sw_error *err) {
    bool again = true;
    SW_TRY(provider_check(e, err));
    for (int i = 0; i < SW_TSM_TRIES; i++) {
        SW_TRY(quote_try(e, report, quote, &again, err));
        if (!again) return SW_OK;
        e->t->files.pause(e->t->files.context, RETRY_MS);
    }
    return sw_fail(err, SW_UNAVAILABLE, "unavailable",
                   "the kernel was busy with other quotes at each of %d tries", SW_TSM_TRIES);
}

static sw_status quote_look(sw_bytes quote, const sw_report_data *report, sw_error *err) {
    sw_quote_fields fields;
    SW_TRY(sw_quote_fields_read(quote, &fields, err));
    if (memcmp(fields.report.b, report->b, sizeof report->b) != 0)
        return sw_fail(err, SW_REFUSED, "evidence",
                       "the machine's quote holds other report data than were asked for");
    return SW_OK;
}

static sw_status quote_locked(const sw_tsm *t, const sw_report_data *report, sw_buffer *quote,
                              sw_error *err) {
    entry e;
    SW_TRY(entry_make(t, &e, err));
    sw_status status = quote_make(&e, report, quote, err);
    (void)t->files.remove_entry(t->files.context, e.folder); /* one left lying harms nobody */
    return status;
}

sw_status sw_tsm_quote(const sw_tsm *t, const sw_report_data *report, sw_buffer *quote,
                       sw_error *err) {
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_QUOTE_LIMIT);
    int lock = -1;
    SW_TRY(lock_wait(t, &lock, err));
    sw_status status = quote_locked(t, report, &made, err);
    (void)close(lock);
    SW_TRY(status);
    SW_TRY(quote_look(sw_buffer_bytes(&made), report, err));
    sw_put_bytes(quote, sw_buffer_bytes(&made));
    return sw_buffer_check(quote, "a quote", err);
}

/* ---- registers ---- */
static sw_status register_path(const sw_tsm *t, unsigned index, char out[512], sw_error *err) {
    char name[32];
    SW_CHECK(err, index < 4);
    (void)snprintf(name, sizeof name, "rtmr%u:sha384", index);
    return path_of(out, t->measurement_folder, name, err);
}

sw_status sw_tsm_register(const sw_tsm *t, unsigned index, uint8_t out[SW_SHA384_BYTES],
                          sw_error *err) {
    SW_SCOPED(sw_buffer) value = SW_BUFFER(SMALL_FILE_BYTES);
    char path[512];
    SW_TRY(register_path(t, index, path, err));
    int cause = t->files.read(t->files.context, path, SMALL_FILE_BYTES, &value);
    if (cause != 0) return file_failed(err, "reading", path, cause);
    if (value.size != SW_SHA384_BYTES)
        return sw_fail(err, SW_MALFORMED, "format", "%s has %zu bytes instead of %d", path,
                       value.size, SW_SHA384_BYTES);
    memcpy(out, value.data, SW_SHA384_BYTES);
    return SW_OK;
}

static sw_status extend_locked(const sw_tsm *t, const uint8_t digest[SW_SHA384_BYTES],
                               sw_error *err) {
    uint8_t expected[SW_SHA384_BYTES], after[SW_SHA384_BYTES];
    char path[512];
    SW_TRY(register_path(t, SW_RUNTIME_EVENT_REGISTER, path, err));
    SW_TRY(sw_tsm_register(t, SW_RUNTIME_EVENT_REGISTER, expected, err));
    sw_rtmr_extend(expected, digest);
    int cause = t->files.write(t->files.context, path, SW_BYTES(digest, SW_SHA384_BYTES));
    if (cause != 0) return file_failed(err, "extending", path, cause);
    SW_TRY(sw_tsm_register(t, SW_RUNTIME_EVENT_REGISTER, after, err));
    if (memcmp(after, expected, sizeof after) != 0)
        return sw_fail(err, SW_REFUSED, "busy",
                       "RTMR3 is not what this event makes of it: somebody else extended it too");
    return SW_OK;
}

sw_status sw_tsm_extend(const sw_tsm *t, const sw_event *event, sw_error *err) {
    uint8_t digest[SW_SHA384_BYTES];
    int lock = -1;
    SW_TRY(sw_event_digest(event, digest, err));
    SW_TRY(lock_wait(t, &lock, err));
    sw_status status = extend_locked(t, digest, err);
    (void)close(lock);
    return status;
}

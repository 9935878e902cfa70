/* SPDX-License-Identifier: Apache-2.0
 *
 * A listed file that is text runs as the text that owners are shown (CMD-016).
 *
 * Python decodes a source by the encoding that one of its first two lines declares (PEP 263): under
 * UTF-7 a comment holds code. Both lines are looked at in every file, by a rule that finds whatever
 * Python finds and more: each `coding` behind a # counts, wherever the # stands. And control
 * characters stand in no text: a file that ends as an archive or begins as compiled code is run as
 * such whatever it is named, and neither can be written without them.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DECLARED_LINES 2

static bool has_controls(sw_bytes text) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i], next = i + 1 < text.size ? text.data[i + 1] : 0;
        if (c == '\r' && next != '\n') return true; /* ends a line for Python, a comment with it */
        if ((c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f) return true;
    }
    return false;
}

static bool is_of_name(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_' || c == '.' || c >= 0x80;
}

/* What stands behind `coding`, up to the line's end: `=` or `:`, blanks, a name. */
static bool declares_other(const uint8_t *at, size_t size) {
    static const char *const names[] = {"utf-8", "utf8", "utf_8"};
    size_t from = 1, to;
    if (size == 0 || (at[0] != ':' && at[0] != '=')) return false;
    while (from < size && (at[from] == ' ' || at[from] == '\t')) from++;
    for (to = from; to < size && is_of_name(at[to]);) to++;
    if (to == from) return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == to - from &&
            strncasecmp(names[i], (const char *)at + from, to - from) == 0)
            return false;
    return true;
}

static bool is_declared_other(const uint8_t *line, size_t size) {
    static const char word[] = "coding";
    const size_t length = sizeof word - 1;
    const uint8_t *hash = size > 0 ? memchr(line, '#', size) : NULL;
    if (hash == NULL) return false;
    for (const uint8_t *at = hash; (size_t)(line + size - at) > length; at++)
        if (memcmp(at, word, length) == 0 &&
            declares_other(at + length, (size_t)(line + size - at) - length))
            return true;
    return false;
}

/* A script's lines end at \r too, a module's at \n alone: the longer ones hold the shorter. */
static bool has_other_encoding(sw_bytes text) {
    for (size_t at = 0, lines = 0; lines < DECLARED_LINES && at < text.size; lines++) {
        const uint8_t *line = text.data + at, *end = memchr(line, '\n', text.size - at);
        size_t size = end == NULL ? text.size - at : (size_t)(end - line);
        if (is_declared_other(line, size)) return true;
        at += size + 1;
    }
    return false;
}

const char *sw_command_text_fault(sw_bytes bytes) {
    if (!sw_utf8_valid(bytes)) return NULL; /* it is shown as binary */
    if (has_controls(bytes)) return "has control characters, and may be run as what no text shows";
    if (has_other_encoding(bytes))
        return "declares another encoding than UTF-8, and would run as another text than it shows";
    return NULL;
}

sw_status sw_command_check_text(const char *path, sw_bytes bytes, sw_error *err) {
    const char *fault = sw_command_text_fault(bytes);
    if (fault == NULL) return SW_OK;
    return sw_fail(err, SW_REFUSED, "trainer", "%s, which owners read as the code, %s", path,
                   fault);
}

/* ---- in a tree ---- */

static sw_status read_whole(int fd, const char *path, sw_buffer *out, sw_error *err) {
    uint8_t part[16384];
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) != 0) {
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return sw_fail(err, SW_IO, "io", "reading %s of the tree: %s", path, strerror(errno));
        sw_put_bytes(out, SW_BYTES(part, (size_t)n));
    }
    return sw_buffer_check(out, path, err);
}

static sw_status check_file(int tree_fd, const char *path, sw_error *err) {
    SW_SCOPED(sw_buffer) bytes = SW_BUFFER(SW_COMMAND_CODE);
    int fd = openat(tree_fd, path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return sw_fail(err, SW_IO, "io", "opening %s of the tree: %s", path, strerror(errno));
    sw_status status = read_whole(fd, path, &bytes, err);
    (void)close(fd);
    return status == SW_OK ? sw_command_check_text(path, sw_buffer_bytes(&bytes), err) : status;
}

sw_status sw_command_check_texts(const sw_recipe_command *c, int tree_fd, sw_error *err) {
    for (size_t i = 0; i < c->file_count; i++) SW_TRY(check_file(tree_fd, c->files[i].path, err));
    return SW_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a person sees: output, notes, the progress line, and the passphrase prompt.
 */
#include "cli/cli_internal.h"
#include "sys/files.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define REDRAW_MS    100
#define RESULT_LIMIT ((size_t)264 << 20) /* an explanation, every line end of it escaped */

bool sw_cli_json(const sw_cli *cli) {
    return cli->json;
}
sw_arena *sw_cli_arena(sw_cli *cli) {
    return &cli->arena;
}
const sw_entropy *sw_cli_entropy(const sw_cli *cli) {
    return &cli->entropy;
}
const sw_clock *sw_cli_clock(const sw_cli *cli) {
    return &cli->clock;
}

void sw_cli_print(sw_cli *cli, const char *format, ...) {
    if (cli->json) return;
    sw_cli_progress_end(cli);
    va_list list;
    va_start(list, format);
    if (vprintf(format, list) < 0 || fflush(stdout)) cli->write_failed = true;
    va_end(list);
}

void sw_cli_write(sw_cli *cli, sw_bytes data) {
    sw_cli_progress_end(cli);
    if (fwrite(data.data, 1, data.size, stdout) != data.size || fflush(stdout))
        cli->write_failed = true;
}

void sw_cli_result(sw_cli *cli, const sw_json *object) {
    if (!cli->json) return;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(RESULT_LIMIT);
    sw_json_encode(&text, object);
    sw_put_u8(&text, '\n');
    cli->result_failed = text.failed;
    if (!text.failed) sw_cli_write(cli, sw_buffer_bytes(&text));
}

void sw_cli_failure(sw_cli *cli, sw_json *object) {
    cli->failure = object;
}

void sw_cli_note(sw_cli *cli, const char *format, ...) {
    if (cli->json) return;
    sw_cli_progress_end(cli);
    va_list list;
    va_start(list, format);
    fputs("sealwright: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
}

int sw_cli_columns(int fd) {
    struct winsize size = {0};
    const char *text = getenv("COLUMNS"); /* POSIX: goes before what the terminal says */
    long columns = text ? strtol(text, NULL, 10) : 0;
    if (columns <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
    if (columns <= 0) columns = 80;
    return columns > 120 ? 120 : (int)columns;
}

static bool can_draw(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* From the pace since the line was first drawn: a resumed run did not do all of `done` now. */
static void time_left(const sw_cli *cli, int64_t now, uint64_t done, uint64_t total, char out[64]) {
    out[0] = 0;
    int64_t spent_ms = now - cli->bar_start_ms;
    uint64_t fresh = done > cli->bar_start_done ? done - cli->bar_start_done : 0;
    if (!total || !fresh || spent_ms < 1000) return;
    double seconds = (double)spent_ms / 1000 * (double)(total - done) / (double)fresh;
    char text[SW_CLI_DURATION_BYTES];
    sw_cli_duration(text, seconds);
    snprintf(out, 64, "  %s left", text);
}

void sw_cli_duration(char out[SW_CLI_DURATION_BYTES], double seconds) {
    uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0, minutes = s / 60;
    if (minutes >= 60)
        snprintf(out, SW_CLI_DURATION_BYTES, "%" PRIu64 "h%02" PRIu64 "m", minutes / 60,
                 minutes % 60);
    else
        snprintf(out, SW_CLI_DURATION_BYTES, "%" PRIu64 "m%02" PRIu64 "s", minutes, s % 60);
}

#define BAR_LEAST  8
#define BAR_MOST   32
#define BAR_AROUND 10 /* "[", "] 100%  " */
#define SHORTEST   20 /* of a text that says something */

void sw_cli_progress(sw_cli *cli, uint64_t done, uint64_t total, const char *text) {
    if (cli->json || !can_draw()) return;
    int64_t now = cli->clock.steady_ms(cli->clock.context);
    if (total && done > total) done = total;
    if (!cli->bar_shown) {
        cli->bar_start_ms = now;
        cli->bar_start_done = done;
    } else if (now - cli->bar_drawn_ms < REDRAW_MS && done != total) {
        return;
    }
    char left[64];
    time_left(cli, now, done, total, left);
    int columns = sw_cli_columns(STDERR_FILENO) - 1;
    int width = columns - BAR_AROUND - (int)strlen(text) - (int)strlen(left);
    if (width > BAR_MOST) width = BAR_MOST;
    fputs("\r\033[K", stderr);
    if (total && width >= BAR_LEAST) {
        int filled = (int)((uint64_t)width * done / total);
        fputc('[', stderr);
        for (int i = 0; i < width; i++) fputc(i < filled ? '#' : '.', stderr);
        fprintf(stderr, "] %3u%%  ", (unsigned)(100 * done / total));
    }
    int room = columns - (int)strlen(left);
    if (room < SHORTEST) { /* what is told goes before what is guessed */
        room = columns;
        left[0] = 0;
    }
    fprintf(stderr, "%.*s%s", room > 0 ? room : 0, text, left);
    fflush(stderr);
    cli->bar_shown = true;
    cli->bar_drawn_ms = now;
}

void sw_cli_progress_end(sw_cli *cli) {
    if (!cli->bar_shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    cli->bar_shown = false;
}

sw_status sw_cli_read(sw_cli *cli, const char *path, size_t limit, sw_bytes *out, sw_error *err) {
    SW_SCOPED(sw_buffer) file = SW_BUFFER(limit);
    SW_TRY(sw_file_read(path, limit, &file, err));
    sw_bytes copy = sw_arena_copy(&cli->arena, sw_buffer_bytes(&file));
    if (!copy.data && file.size)
        return sw_fail(err, SW_MEMORY, "memory", "no memory to read %s", path);
    *out = copy;
    return SW_OK;
}

sw_status sw_cli_read_regular(sw_cli *cli, const char *path, size_t limit, sw_bytes *out,
                              sw_error *err) {
    struct stat st;
    if (strcmp(path, "-") == 0 || stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return sw_cli_read(cli, path, limit, out, err); /* what stat cannot see, reading explains */
    if (S_ISDIR(st.st_mode))
        return sw_fail(err, SW_IO, "io", "%s is not a regular file but a folder", path);
    sw_status status = sw_fail(err, SW_IO, "io", "%s is not a regular file", path);
    sw_error_hint(err, "- reads standard input");
    return status;
}

sw_status sw_cli_read_in(sw_cli *cli, const char *folder, const char *name, size_t limit,
                         sw_bytes *out, sw_error *err) {
    const char *path = sw_path_join(&cli->arena, folder, name);
    if (!path) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
    return sw_cli_read_regular(cli, path, limit, out, err);
}

sw_status sw_cli_card(sw_cli *cli, const char *path, sw_card *out, sw_error *err) {
    sw_bytes json;
    SW_TRY(sw_cli_read(cli, path, SW_CARD_LIMIT, &json, err));
    sw_status status = sw_card_parse(json, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s", path);
    return status;
}

/* ---- passphrase ---- */

static sw_status from_file(const char *path, char *out, size_t limit, size_t *size, sw_error *err) {
    void *content = NULL;
    size_t count = 0;
    SW_TRY(sw_file_read_secret(path, 4096, &content, &count, err));
    const char *text = content;
    size_t length = 0;
    while (length < count && text[length] != '\n' && text[length] != '\r') length++;
    sw_status status = SW_OK;
    if (!length || length > limit) {
        status = sw_fail(err, SW_USAGE, "passphrase",
                         "the first line of %s holds no usable passphrase", path);
    } else {
        memcpy(out, text, length);
        *size = length;
    }
    sw_secret_release(content);
    return status;
}

static sw_status from_terminal(const char *file, char *out, size_t limit, size_t *size,
                               sw_error *err) {
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        sw_status status = sw_fail(err, SW_REFUSED, "passphrase",
                                   "%s needs a passphrase and there is no terminal", file);
        sw_error_hint(err, "give --passphrase-file FILE");
        return status;
    }
    struct termios before, quiet;
    bool changed = tcgetattr(fd, &before) == 0;
    if (changed) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        changed = tcsetattr(fd, TCSAFLUSH, &quiet) == 0;
    }
    if (!changed) { /* it would be shown, and stay in whatever shows it */
        close(fd);
        return sw_fail(err, SW_REFUSED, "passphrase",
                       "the terminal does not stop showing what is typed: no passphrase is asked");
    }
    dprintf(fd, "passphrase for %s: ", file);
    size_t count = 0;
    char c = 0;
    while (count < limit && read(fd, &c, 1) == 1 && c != '\n') out[count++] = c;
    tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    close(fd);
    if (!count || c != '\n')
        return sw_fail(err, SW_REFUSED, "passphrase", "no passphrase was given for %s", file);
    *size = count;
    return SW_OK;
}

static sw_status ask(void *context, const char *file, char *out, size_t limit, size_t *size,
                     sw_error *err) {
    sw_cli *cli = context;
    const char *path = sw_cli_value(cli, "passphrase-file");
    return path ? from_file(path, out, limit, size, err)
                : from_terminal(file, out, limit, size, err);
}

const sw_passphrase *sw_cli_passphrase(sw_cli *cli) {
    cli->passphrase = (sw_passphrase){ask, cli};
    return &cli->passphrase;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * seal, unseal, inspect: an owner's data under her own key, and what it is from outside.
 *
 * The output file appears only when everything held: the stream goes to an unnamed file that is
 * committed at the very end, after the data key lies in the keyring.
 */
#include "cli/cli.h"
#include "codec/text.h"
#include "seal/container.h"
#include "sys/archive.h"
#include "sys/files.h"
#include "sys/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPE_JSONL "application/jsonl"
#define TYPE_TAR   "application/x-tar"
#define TYPE_BYTES "application/octet-stream"

/* ---- common ---- */

static sw_status threads(sw_cli *cli, size_t *out, sw_error *err) {
    size_t processors = sw_cpu_count();
    uint64_t lanes, fallback = processors < SW_SEAL_LANES ? processors : SW_SEAL_LANES;
    SW_TRY(sw_cli_u64(cli, "threads", fallback, SW_SEAL_LANES, &lanes, err));
    if (lanes == 0) return sw_fail(err, SW_USAGE, "usage", "--threads is 1 to %d", SW_SEAL_LANES);
    *out = (size_t)lanes;
    return SW_OK;
}

static sw_status open_input(const char *path, int *fd, struct stat *st, sw_error *err) {
    *fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*fd >= 0 && fstat(*fd, st) == 0) return SW_OK;
    int cause = errno;
    if (*fd >= 0) (void)close(*fd);
    return sw_fail(err, cause == ENOENT ? SW_MISSING : SW_IO, cause == ENOENT ? "missing" : "io",
                   "%s: %s", path, strerror(cause));
}

/* The result goes to stdout, unless the data does. */
static bool data_on_stdout(const char *out) {
    return strcmp(out, "-") == 0;
}

static sw_status check_stdout(sw_cli *cli, const char *out, sw_error *err) {
    if (!data_on_stdout(out) || !sw_cli_json(cli)) return SW_OK;
    return sw_fail(err, SW_USAGE, "usage", "--json and --out - would share standard output");
}

typedef struct sink { /* where bytes go, and how far they are */
    sw_cli *cli;
    sw_output *output;
    uint64_t done, total;
} sink;

static sw_status write_output(void *context, sw_bytes bytes, sw_error *err) {
    sink *s = context;
    return sw_output_write(s->output, bytes, err);
}

static void show_progress(void *context, uint64_t done) {
    sink *s = context;
    sw_cli_progress(s->cli, done, s->total, "");
}

/* ---- seal ---- */

typedef struct sealing {
    sink to;
    sw_identity *identity;
    sw_seal_plan plan;
    sw_container_trailer trailer;
    sw_data_key *data_key;
    const char *out;
} sealing;

static bool ends_with(const char *text, const char *tail) {
    size_t size = strlen(text), tail_size = strlen(tail);
    return size > tail_size && strcmp(text + size - tail_size, tail) == 0;
}

/* --type, a short name or a media type; else by the name of the one input. */
static const char *media_type(sw_cli *cli, bool archive) {
    static const char *const known[][2] = {
        {".jsonl", TYPE_JSONL}, {".ndjson", TYPE_JSONL}, {".tar", TYPE_TAR},
        {".txt", "text/plain"}, {".csv", "text/csv"},    {".json", "application/json"},
        {".bin", TYPE_BYTES},
    };
    const char *given = sw_cli_value(cli, "type"), *name = sw_cli_argument(cli, 0);
    if (given == NULL && archive) return TYPE_TAR;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (given != NULL ? strcmp(given, known[i][0] + 1) == 0 : ends_with(name, known[i][0]))
            return known[i][1];
    return given != NULL ? given : TYPE_BYTES;
}

static sw_status add_archived(void *context, sw_bytes bytes, sw_error *err) {
    sealing *s = ((sealing **)context)[0];
    sw_sealer *sealer = ((sw_sealer **)context)[1];
    s->to.done += bytes.size;
    show_progress(&s->to, s->to.done);
    return sw_sealer_add(sealer, bytes, err);
}

/* The last part of a path: what an input is called inside a tar of several. */
static const char *last_name(sw_cli *cli, const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    return sw_arena_text(sw_cli_arena(cli), SW_BYTES(path + start, end - start));
}

static sw_status list_inputs(sw_cli *cli, sw_archive_input *inputs, sw_error *err) {
    size_t count = sw_cli_argument_count(cli);
    for (size_t i = 0; i < count; i++) {
        const char *path = sw_cli_argument(cli, i), *name = last_name(cli, path);
        if (name == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for a path");
        if (strcmp(path, "-") == 0)
            return sw_fail(err, SW_USAGE, "usage", "- stands alone, not among several inputs");
        for (size_t k = 0; k < i; k++)
            if (strcmp(inputs[k].name, name) == 0)
                return sw_fail(err, SW_USAGE, "usage", "two inputs are called %.200s", name);
        inputs[i] = (sw_archive_input){path, count == 1 ? "" : name};
    }
    return SW_OK;
}

/* A folder, or several inputs: one tar, made as it is sealed. */
static sw_status seal_archive(sealing *s, sw_error *err) {
    sw_cli *cli = s->to.cli;
    size_t count = sw_cli_argument_count(cli);
    sw_archive_input *inputs = SW_ARENA_NEW(sw_cli_arena(cli), sw_archive_input, count);
    if (inputs == NULL) return sw_fail(err, SW_MEMORY, "memory", "no memory for the inputs");
    SW_TRY(list_inputs(cli, inputs, err));
    sw_sealer *sealer;
    SW_TRY(sw_sealer_open(&s->plan, &sealer, err));
    void *context[] = {s, sealer};
    sw_status status = sw_archive_write(inputs, count, add_archived, context, err);
    if (status == SW_OK) status = sw_sealer_finish(sealer, &s->trailer, s->data_key, err);
    sw_sealer_close(&sealer);
    return status;
}

static sw_status seal_one(sealing *s, sw_error *err) {
    struct stat st;
    int fd;
    SW_TRY(open_input(sw_cli_argument(s->to.cli, 0), &fd, &st, err));
    s->to.total = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    sw_status status =
        sw_seal_fd(&s->plan, fd, &s->trailer, s->data_key, show_progress, &s->to, err);
    (void)close(fd);
    return status;
}

static sw_status seal_into(sealing *s, bool archive, sw_error *err) {
    SW_TRY(sw_output_open(s->out, 0644, SW_WRITE_NEW, &s->to.output, err));
    SW_TRY(archive ? seal_archive(s, err) : seal_one(s, err));
    SW_TRY(sw_identity_store_data_key(s->identity, &s->trailer.root_id, s->data_key, err));
    return sw_output_commit(&s->to.output, err);
}

static void report_sealed(sealing *s) {
    sw_cli *cli = s->to.cli;
    const sw_container_trailer *t = &s->trailer;
    sw_json *root = sw_json_make(sw_cli_arena(cli), SW_JSON_OBJECT);
    char id[2 * SW_HASH_BYTES + 1];
    sw_hex_text(id, SW_BYTES_OF(t->root_id.b));
    sw_cli_progress_end(cli);
    sw_cli_note(cli, "sealed %" PRIu64 " bytes, %" PRIu64 " rows (%s)", t->plain_bytes, t->rows,
                s->plan.media_type);
    if (data_on_stdout(s->out))
        sw_cli_note(cli, "dataset %s", id);
    else
        sw_cli_print(cli, "%s\n", id);
    sw_json_add_text(sw_cli_arena(cli), root, "dataset", sw_text(id));
    sw_json_add_integer(sw_cli_arena(cli), root, "rows", (int64_t)t->rows);
    sw_json_add_integer(sw_cli_arena(cli), root, "bytes", (int64_t)t->plain_bytes);
    sw_json_add_text(sw_cli_arena(cli), root, "media_type", sw_text(s->plan.media_type));
    sw_cli_result(cli, root);
}

static sw_status seal_with(sw_cli *cli, sealing *s, sw_error *err) {
    size_t count = sw_cli_argument_count(cli);
    bool archive = count > 1 || sw_path_is_folder(sw_cli_argument(cli, 0));
    s->plan.kind = SW_CONTAINER_DATASET;
    s->plan.media_type = media_type(cli, archive);
    s->plan.count_rows = strcmp(s->plan.media_type, TYPE_JSONL) == 0;
    s->plan.entropy = sw_cli_entropy(cli);
    s->plan.write = write_output;
    s->plan.context = &s->to;
    if (archive && strcmp(s->plan.media_type, TYPE_TAR) != 0)
        return sw_fail(err, SW_USAGE, "usage", "folders and several inputs are sealed as a tar");
    SW_TRY(threads(cli, &s->plan.lanes, err));
    SW_TRY(sw_identity_signing_key(s->identity, &s->plan.owner, err));
    s->data_key = sw_data_key_new();
    if (s->data_key == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(seal_into(s, archive, err));
    report_sealed(s);
    return SW_OK;
}

static sw_status seal(sw_cli *cli, sw_error *err) {
    sealing s = {.to.cli = cli};
    const char *folder;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_cli_need(cli, "out", &s.out, err));
    SW_TRY(check_stdout(cli, s.out, err));
    SW_TRY(sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &s.identity, err));
    sw_status status = seal_with(cli, &s, err);
    sw_output_abort(&s.to.output);
    sw_data_key_drop(&s.data_key);
    sw_identity_close(&s.identity);
    return status;
}

/* ---- unseal ---- */

typedef struct unsealing {
    sink to;
    sw_identity *identity;
    sw_data_key *data_key;
    sw_unseal_keys keys;
    sw_hash id;
    sw_container_trailer trailer;
    const char *out;
    int fd;
} unsealing;

static sw_status write_plain(void *context, sw_bytes plain, sw_error *err) {
    unsealing *u = context;
    u->to.done += plain.size;
    show_progress(&u->to, u->to.done);
    return sw_output_write(u->to.output, plain, err);
}

static sw_status find_dataset_key(unsealing *u, sw_error *err) {
    u->data_key = sw_data_key_new();
    if (u->data_key == NULL)
        return sw_fail(err, SW_MEMORY, "memory", "no lockable memory for a key");
    SW_TRY(sw_identity_load_data_key(u->identity, &u->id, u->data_key, err));
    u->keys.data_key = u->data_key;
    u->keys.owner = &sw_identity_card(u->identity)->identity_key;
    u->keys.root_id = &u->id;
    return SW_OK;
}

/* A file says what it is, unverified; the verification follows with the key that this names. */
static sw_status find_key_by_file(unsealing *u, sw_error *err) {
    sw_container_body body;
    sw_container_trailer trailer;
    SW_TRY(sw_container_peek(sw_cli_arena(u->to.cli), u->fd, &body, &trailer, err));
    u->to.total = trailer.plain_bytes;
    u->id = trailer.root_id;
    if (body.kind == SW_CONTAINER_DATASET) return find_dataset_key(u, err);
    if (body.kind == SW_CONTAINER_OPENED)
        return sw_identity_encryption_key(u->identity, &u->keys.recipient, err);
    sw_status status = sw_fail(err, SW_REFUSED, "kind",
                               "a checkpoint or an output is sealed to the machines of its run");
    sw_error_hint(err, "an open quorum opens an output: sealwright open");
    return status;
}

/* From a pipe the id comes before the file does. */
static sw_status find_key(unsealing *u, sw_error *err) {
    const char *named = sw_cli_value(u->to.cli, "dataset");
    struct stat st;
    if (named != NULL) {
        SW_TRY(sw_hex_decode(u->id.b, sizeof u->id.b, sw_text(named), false, err));
        return find_dataset_key(u, err);
    }
    if (fstat(u->fd, &st) == 0 && S_ISREG(st.st_mode)) return find_key_by_file(u, err);
    sw_status status =
        sw_fail(err, SW_USAGE, "usage", "a sealed stream that is no file needs --dataset ID");
    sw_error_hint(err, "the id is what `sealwright seal` printed");
    return status;
}

static sw_status unseal_into(unsealing *u, sw_error *err) {
    size_t lanes;
    SW_TRY(threads(u->to.cli, &lanes, err));
    SW_TRY(find_key(u, err));
    SW_TRY(sw_output_open(u->out, 0600, SW_WRITE_NEW, &u->to.output, err));
    SW_TRY(sw_unseal_fd(u->fd, &u->keys, lanes, write_plain, u, &u->trailer, err));
    SW_TRY(sw_output_commit(&u->to.output, err));
    sw_json *root = sw_json_make(sw_cli_arena(u->to.cli), SW_JSON_OBJECT);
    sw_cli_progress_end(u->to.cli);
    sw_cli_note(u->to.cli, "unsealed %" PRIu64 " bytes", u->trailer.plain_bytes);
    sw_json_add_integer(sw_cli_arena(u->to.cli), root, "bytes", (int64_t)u->trailer.plain_bytes);
    sw_json_add_integer(sw_cli_arena(u->to.cli), root, "rows", (int64_t)u->trailer.rows);
    sw_json_add_hex(sw_cli_arena(u->to.cli), root, "id", SW_BYTES_OF(u->trailer.root_id.b));
    sw_cli_result(u->to.cli, root);
    return SW_OK;
}

static sw_status unseal(sw_cli *cli, sw_error *err) {
    unsealing u = {.to.cli = cli};
    struct stat st;
    const char *folder;
    SW_TRY(sw_cli_need(cli, "identity", &folder, err));
    SW_TRY(sw_cli_need(cli, "out", &u.out, err));
    SW_TRY(check_stdout(cli, u.out, err));
    SW_TRY(open_input(sw_cli_argument(cli, 0), &u.fd, &st, err));
    sw_status status =
        sw_identity_open(folder, sw_cli_passphrase(cli), sw_cli_entropy(cli), &u.identity, err);
    if (status == SW_OK) status = unseal_into(&u, err);
    sw_output_abort(&u.to.output);
    sw_data_key_drop(&u.data_key);
    sw_identity_close(&u.identity);
    (void)close(u.fd);
    return status;
}

/* ---- inspect ---- */

static const char *kind_name(sw_container_kind kind) {
    static const char *const names[] = {"", "dataset", "checkpoint", "output", "opened"};
    return names[kind];
}

static void report_inspected(sw_cli *cli, const sw_container_body *b, const sw_container_trailer *t,
                             bool verified) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    char id[2 * SW_HASH_BYTES + 1], owner[2 * SW_HASH_BYTES + 1];
    sw_hex_text(id, SW_BYTES_OF(t->root_id.b));
    sw_hex_text(owner, SW_BYTES_OF(b->owner_id.b));
    bool dataset = b->kind == SW_CONTAINER_DATASET;
    sw_cli_print(cli, "kind        %s\nmedia type  %s\nid          %s\n", kind_name(b->kind),
                 b->media_type, id);
    if (dataset || b->kind == SW_CONTAINER_OPENED)
        sw_cli_print(cli, "%-11s %s\n", dataset ? "owner" : "recipient", owner);
    sw_cli_print(cli, "rows        %" PRIu64 "\nbytes       %" PRIu64 "\nchunks      %" PRIu64 "\n",
                 t->rows, t->plain_bytes, t->chunk_count);
    if (dataset)
        sw_cli_print(cli, "signature   %s\n",
                     verified ? "the owner's" : "not checked (give --owner card.json)");
    sw_json_add_text(a, root, "kind", sw_text(kind_name(b->kind)));
    sw_json_add_text(a, root, "media_type", sw_text(b->media_type));
    sw_json_add_text(a, root, "id", sw_text(id));
    sw_json_add_text(a, root, "owner", sw_text(owner));
    sw_json_add_integer(a, root, "rows", (int64_t)t->rows);
    sw_json_add_integer(a, root, "bytes", (int64_t)t->plain_bytes);
    sw_json_add_integer(a, root, "chunks", (int64_t)t->chunk_count);
    sw_json_add_flag(a, root, "signature_verified", verified);
    sw_cli_result(cli, root);
}

static sw_status inspect(sw_cli *cli, sw_error *err) {
    sw_container_body body;
    sw_container_trailer trailer;
    sw_card card;
    struct stat st;
    int fd;
    const char *owner = sw_cli_value(cli, "owner");
    if (owner != NULL) SW_TRY(sw_cli_card(cli, owner, &card, err));
    SW_TRY(open_input(sw_cli_argument(cli, 0), &fd, &st, err));
    sw_status status = sw_container_inspect(
        sw_cli_arena(cli), fd, owner != NULL ? &card.identity_key : NULL, &body, &trailer, err);
    (void)close(fd);
    if (status == SW_OK) report_inspected(cli, &body, &trailer, owner != NULL);
    return status;
}

/* ---- the tables ---- */

static const sw_option seal_options[] = {
    {"identity", SW_OPTION_VALUE, "DIR", "the owner's folder"},
    {"out", SW_OPTION_VALUE, "FILE", "the sealed file to make; - is standard output"},
    {"type", SW_OPTION_VALUE, "TYPE", "jsonl, tar, txt, csv, json, bin or a media type"},
    {"threads", SW_OPTION_VALUE, "N", "threads, 1 to 8; all processors by default"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
static const sw_option unseal_options[] = {
    {"identity", SW_OPTION_VALUE, "DIR", "the owner's or the recipient's folder"},
    {"out", SW_OPTION_VALUE, "FILE", "the file to make; - is standard output"},
    {"dataset", SW_OPTION_VALUE, "ID", "the dataset id, needed when the input is a pipe"},
    {"threads", SW_OPTION_VALUE, "N", "threads, 1 to 8; all processors by default"},
    SW_CLI_PASSPHRASE_OPTION,
    {0},
};
static const sw_option inspect_options[] = {
    {"owner", SW_OPTION_VALUE, "CARD", "the owner's card: verify the signature"},
    {0},
};

const sw_command sw_commands_seal[] = {
    {"seal", "INPUT...", "encrypt a dataset locally; prints its dataset id",
     "INPUT is a file, a folder, several of them (sealed as one tar) or - for standard input. Rows "
     "are counted for JSON lines. The data key goes into the identity's keyring; without it "
     "nobody, the owner included, opens the file again.",
     1, 256, seal_options, seal},
    {"unseal", "FILE",
     "decrypt a sealed dataset as its owner, or an opened output as its recipient",
     "The output appears only when the whole file was authentic. To standard output, every piece "
     "is authentic when it is written, but only exit code 0 says that nothing is missing.",
     1, 1, unseal_options, unseal},
    {"inspect", "FILE", "show what a sealed file is, and verify it without any key",
     "Recomputes the dataset id from the ciphertext; with --owner it verifies the signature.", 1, 1,
     inspect_options, inspect},
    {0},
};

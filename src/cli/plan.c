/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of a training run for people (docs/formats/training.md, PLN-001 to PLN-011): memory by
 * part against what there is, and time from the operations it takes and a product that is measured
 * here.
 */
#include "cli/plan.h"
#include "sys/files.h"
#include "tensor/gemm.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The share of a step's time that products take: about so much, measured with SmolLM2-135M, LoRA on
 * all Linears, rows of 512 tokens; with tiles, whose products leave the rest behind. */
#define PRODUCTS_SHARE       0.8
#define PRODUCTS_SHARE_TILES 0.33
#define CALIBRATION_MS       300
#define PROBE_ROWS           512

/* ---- memory ---- */

static sw_status size_of(const char *text, uint64_t *bytes, sw_error *err) {
    static const struct {
        const char *mark;
        unsigned shift;
    } units[] = {{"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char *end = NULL;
    unsigned long long value = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    for (size_t i = 0; end && i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].mark) != 0 || !value || value > UINT64_MAX >> units[i].shift)
            continue;
        *bytes = (uint64_t)value << units[i].shift;
        return SW_OK;
    }
    return sw_fail(err, SW_USAGE, "usage", "--memory is a number with B, KiB, MiB, GiB or TiB");
}

/* The number behind `name` in a small text file of the kernel's; 0 when there is none. */
static uint64_t number_in(const char *path, const char *name) {
    SW_SCOPED(sw_buffer) text = SW_BUFFER((size_t)64 << 10);
    if (sw_file_read(path, text.limit - 1, &text, NULL) != SW_OK) return 0;
    sw_put_u8(&text, 0);
    if (text.failed) return 0;
    const char *at = strstr((const char *)text.data, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static uint64_t machine_bytes(void) {
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES), page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t held = number_in("/sys/fs/cgroup/memory.max", ""); /* "max" is 0: no limit */
    return held && held < pages * page ? held : pages * page;
}

sw_status sw_cli_fit(sw_cli *cli, const sw_train_job *job, size_t lanes, sw_train_budget *out,
                     sw_error *err) {
    const char *asked = sw_cli_value(cli, "memory");
    uint64_t limit = machine_bytes();
    if (asked) SW_TRY(size_of(asked, &limit, err));
    SW_TRY(sw_train_fit(job, lanes, (size_t)limit, out, err));
    uint64_t free_now = number_in("/proc/meminfo", "MemAvailable:") << 10;
    if (!asked && free_now && out->bytes > free_now)
        sw_cli_note(cli, "training takes %zu MiB, and %" PRIu64 " MiB are free now",
                    out->bytes >> 20, free_now >> 20);
    return SW_OK;
}

/* ---- disk ---- */

/* A state stays until the next one, or what comes out, lies beside it. */
static uint64_t disk_bytes(const sw_train_budget *b, bool keeps) {
    uint64_t beside = b->output_bytes > b->state_bytes ? b->output_bytes : b->state_bytes;
    return keeps ? b->state_bytes + beside : b->output_bytes;
}

sw_status sw_cli_fit_disk(const sw_train_budget *b, bool keeps, uint64_t there, const char *path,
                          sw_error *err) {
    struct statvfs disk;
    uint64_t wanted = disk_bytes(b, keeps);
    if (statvfs(path, &disk) != 0) return SW_OK; /* writing will tell */
    uint64_t free_now = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (wanted <= free_now || wanted - free_now <= there) return SW_OK;
    sw_status status = sw_fail(err, SW_LIMIT, "disk",
                               "the run writes %" PRIu64 " MiB, and %" PRIu64 " MiB are free there",
                               (wanted - there + 1048575) >> 20, free_now >> 20);
    if (keeps)
        sw_error_hint(err, "%" PRIu64 " MiB of it are states: the recipe has save_steps",
                      (wanted - b->output_bytes) >> 20);
    return status;
}

/* ---- time ---- */

typedef struct probe {
    sw_compute compute;
    sw_gemm gemm;
} probe;

/* The product that such a model has most of: rows of activations times gate_proj. */
static void make_probe(const sw_train_job *job, sw_arena *arena, probe *out) {
    size_t k = job->model->config.hidden_size, n = job->model->config.intermediate_size;
    out->compute = sw_train_compute(job->settings->profile);
    out->compute.native = sw_tensor_has_instructions(out->compute.rule);
    size_t element = sw_dtype_bytes(out->compute.dtype);
    out->gemm = (sw_gemm){.m = PROBE_ROWS, .n = n, .term_count = 1, .scale = 1, .c_stride = n};
    out->gemm.c = sw_arena_alloc(arena, PROBE_ROWS * n, sizeof(float));
    out->gemm.terms[0] = (sw_gemm_term){.a = sw_arena_alloc(arena, PROBE_ROWS * (k + 1), element),
                                        .a_stride = k,
                                        .b = sw_arena_alloc(arena, sw_pack_elements(k, n), element),
                                        .b_strip = sw_pack_strip(k),
                                        .k = k};
}

/* Operations of a product in a second, by products for a moment, and their share of a step. */
static sw_status calibrate(sw_cli *cli, const sw_train_job *job, double *rate, double *share,
                           sw_error *err) {
    SW_SCOPED(sw_arena) arena = {0};
    probe p = {0};
    sw_pool *pool;
    make_probe(job, &arena, &p);
    bool tiles = p.compute.native && p.compute.rule == SW_RULE_TILES;
    *share = tiles ? PRODUCTS_SHARE_TILES : PRODUCTS_SHARE;
    const sw_gemm_term *t = &p.gemm.terms[0];
    if (!p.gemm.c || !t->a || !t->b)
        return sw_fail(err, SW_MEMORY, "memory", "no memory to measure a product");
    SW_TRY(sw_plain_pool(cli, &pool, &p.compute.parallel, err));
    const sw_clock *clock = sw_cli_clock(cli);
    sw_gemm_run(&p.compute, &p.gemm); /* the pages are there, the clock frequency rises */
    int64_t start = clock->steady_ms(clock->context), spent = 0;
    uint64_t products = 0;
    for (; spent < CALIBRATION_MS; spent = clock->steady_ms(clock->context) - start, products++)
        sw_gemm_run(&p.compute, &p.gemm);
    sw_pool_close(&pool);
    *rate = 2.0 * (double)p.gemm.m * (double)p.gemm.n * (double)t->k * (double)products * 1000 /
            (double)spent;
    return SW_OK;
}

/* ---- shown ---- */

static void add_parts(sw_cli *cli, sw_json *root, const sw_train_budget *b) {
    sw_arena *a = sw_cli_arena(cli);
    sw_json *list = sw_json_add_array(a, root, "parts");
    for (size_t i = 0; i < b->part_count; i++) {
        sw_json *part = sw_json_add_object(a, list, NULL);
        sw_json_add_text(a, part, "name", sw_text(b->parts[i].name));
        sw_json_add_integer(a, part, "bytes", (int64_t)b->parts[i].bytes);
    }
}

static double mib(size_t bytes) {
    return (double)bytes / 1048576;
}

/* Parts of a hundredth and more by name, the rest together. */
static void print_parts(sw_cli *cli, const sw_train_budget *b) {
    size_t shown = 0;
    for (size_t i = 0; i < b->part_count && b->parts[i].bytes >= b->bytes / 100; i++) {
        sw_cli_print(cli, "  %-26s %10.1f MiB\n", b->parts[i].name, mib(b->parts[i].bytes));
        shown += b->parts[i].bytes;
    }
    if (shown < b->bytes)
        sw_cli_print(cli, "  %-26s %10.1f MiB\n", "the rest", mib(b->bytes - shown));
}

sw_status sw_cli_show_plan(sw_cli *cli, const sw_train_job *job, const sw_train_budget *b,
                           sw_error *err) {
    double rate, share;
    SW_TRY(calibrate(cli, job, &rate, &share, err));
    double seconds = b->operations / (rate * share);
    uint64_t disk = disk_bytes(b, job->settings->save_steps > 0);
    sw_arena *a = sw_cli_arena(cli);
    sw_json *root = sw_json_make(a, SW_JSON_OBJECT);
    sw_json_add_integer(a, root, "steps", (int64_t)b->steps);
    sw_json_add_integer(a, root, "rows", (int64_t)job->rows->count);
    sw_json_add_integer(a, root, "tokens", (int64_t)job->rows->token_count);
    sw_json_add_number(a, root, "tokens_trained", b->tokens);
    sw_json_add_integer(a, root, "bytes", (int64_t)b->bytes);
    add_parts(cli, root, b);
    sw_json_add_flag(a, root, "recompute", b->recompute);
    sw_json_add_integer(a, root, "disk", (int64_t)disk);
    sw_json_add_number(a, root, "operations", b->operations);
    sw_json_add_number(a, root, "operations_per_second", rate);
    sw_json_add_number(a, root, "seconds", seconds);
    sw_cli_result(cli, root);
    char time[SW_CLI_DURATION_BYTES];
    sw_cli_duration(time, seconds);
    sw_cli_print(cli, "steps   %" PRIu64 "\nrows    %zu\ntokens  %zu, about %.0f in all steps\n",
                 b->steps, job->rows->count, job->rows->token_count, b->tokens);
    sw_cli_print(cli, "memory  %.1f MiB%s\n", mib(b->bytes),
                 b->recompute ? "; activations are computed again in the backward pass" : "");
    print_parts(cli, b);
    sw_cli_print(cli, "disk    %.1f MiB\n", mib(disk));
    sw_cli_print(
        cli,
        "time    about %s: %.3g TFLOP; products run at %.0f GFLOP/s here, and take %.0f %% "
        "of a step\n",
        time, b->operations / 1e12, rate / 1e9, 100 * share);
    return SW_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * NVIDIA's own manifests, from ../shared/vectors/nvidia: each comes to the verdict that
 * PROVENANCE.md and expected.json beside it state, under NVIDIA's root; each has libxml2's
 * canonical forms (golden_rim.py). Without the vectors the program says so.
 */
#include "attest/rim_forge.h"
#include "codec/json.h"
#include "every_bit.h"
#include "sys/pool.h"

#include <dirent.h>

#define VECTORS     "../shared/vectors/nvidia"
#define FILE_BYTES  ((size_t)256 << 10)
#define PATH_BYTES  512
#define LANES       2
#define NVIDIA_ROOT "12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1"

static sw_hash nvidia;

static sw_bytes load(sw_arena *a, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return (sw_bytes){0};
    uint8_t *bytes = sw_arena_alloc(a, FILE_BYTES, 1);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, FILE_BYTES, file);
    (void)fclose(file);
    return SW_BYTES(bytes, size);
}

typedef struct counts {
    size_t taken, other_digest, other_root, forms, entries;
} counts;

/* One manifest of rims/, or of a device's folder. `at_ms` is inside the dates of its first
 * certificate. */
static sw_status judge(sw_bytes xml, int64_t at_ms, sw_rim *out, sw_error *err) {
    return sw_rim_verify(xml, &nvidia, at_ms, out, err);
}

/* "leaf 2023-06-23..2025-06-22": noon of the day behind the first. */
static int64_t day_after(const char *date) {
    char text[21];
    int64_t ms = 0;
    (void)snprintf(text, sizeof text, "%.10sT12:00:00Z", date);
    assert_int_equal(sw_time_parse(sw_text(text), &ms, NULL), SW_OK);
    return ms + RIM_DAY;
}

/* ---- rims/ against PROVENANCE.md ---- */
/* People are shown the version, and whose it is. */
static void check_explained(sw_bytes xml, const char *version) {
    SW_SCOPED(sw_buffer) out = SW_BUFFER(SW_RIM_LIMIT);
    assert_int_equal(sw_rim_explain(xml, &out, NULL), SW_OK);
    sw_put_u8(&out, 0);
    assert_non_null(strstr((const char *)out.data, version));
    assert_non_null(strstr((const char *)out.data, "  NVIDIA CoRIM signing Root CA\n"));
    assert_non_null(strstr((const char *)out.data, NVIDIA_ROOT));
}

static void check_taken(const char *name, sw_bytes xml, const char *line, counts *n) {
    sw_rim rim = {0};
    sw_error err = {0};
    char version[64];
    int64_t at = day_after(strstr(line, "leaf ") + 5);
    if (judge(xml, at, &rim, &err) != SW_OK) fail_msg("%s: %s", name, err.message);
    (void)snprintf(version, sizeof version, "version %s ", rim.version);
    assert_non_null(strstr(line, version));
    assert_true(rim.valid_from_ms <= at && at < rim.valid_until_ms);
    assert_true(rim.active_count >= 12);
    assert_int_equal(rim.chain_count, 4);
    check_explained(xml, rim.version);
    int64_t until = rim.valid_until_ms, from = rim.valid_from_ms;
    sw_rim_free(&rim);
    rim_check_refused(xml, &nvidia, until + RIM_DAY, "has expired");
    rim_check_refused(xml, &nvidia, from - RIM_DAY, "is not yet valid");
    rim_check_refused(xml, &forge.anchor, at, "does not end in the pinned root");
    n->taken++;
}

static void check_line(const char *line, counts *n) {
    SW_SCOPED(sw_arena) a = {0};
    char path[PATH_BYTES], name[256];
    if (sscanf(line, "| rims/%255s", name) != 1) return;
    (void)snprintf(path, sizeof path, "%s/rims/%s", VECTORS, name);
    sw_bytes xml = load(&a, path);
    if (xml.size == 0) return;
    int64_t at = day_after(strstr(line, "leaf ") + 5);
    if (strstr(line, "digest BAD") != NULL) {
        rim_check_refused(xml, &nvidia, at, "the manifest is not the one that was signed");
        n->other_digest++;
    } else if (strstr(line, "chain BAD") != NULL) {
        rim_check_refused(xml, &nvidia, at, "does not end in the pinned root");
        n->other_root++;
    } else {
        check_taken(name, xml, line, n);
    }
}

static void test_provenance(void **state) {
    (void)state;
    counts n = {0};
    char line[2048];
    FILE *notes = fopen(VECTORS "/PROVENANCE.md", "r");
    assert_non_null(notes);
    while (fgets(line, sizeof line, notes) != NULL) check_line(line, &n);
    (void)fclose(notes);
    printf("# %zu taken, %zu edited, %zu under another root\n", n.taken, n.other_digest,
           n.other_root);
    assert_true(n.taken >= 22 && n.other_digest >= 4 && n.other_root >= 1);
}

/* ---- the devices' own against expected.json ---- */
static void check_indices(const sw_rim *rim, const sw_json *expected) {
    const sw_json *indices = sw_json_member(expected, "active_indices");
    size_t count = 0;
    for (const sw_json *i = indices->first; i != NULL; i = i->next, count++)
        assert_true(rim->entries[i->integer].active);
    assert_int_equal(count, rim->active_count);
}

static void check_device(const char *folder, const char *kind, counts *n) {
    SW_SCOPED(sw_arena) a = {0};
    char path[PATH_BYTES], file[64], date[11];
    sw_json *notes = NULL;
    sw_rim rim = {0};
    sw_error err = {0};
    (void)snprintf(file, sizeof file, "%s.xml", kind);
    (void)snprintf(path, sizeof path, "%s/%s/%s", VECTORS, folder, file);
    sw_bytes xml = load(&a, path);
    (void)snprintf(path, sizeof path, "%s/%s/expected.json", VECTORS, folder);
    sw_bytes json = load(&a, path);
    if (xml.size == 0 || json.size == 0) return;
    assert_int_equal(sw_json_parse(&a, json, NULL, &notes, &err), SW_OK);
    const sw_json *e = sw_json_member(sw_json_member(notes, "expected"), kind);
    (void)snprintf(date, sizeof date, "%.10s",
                   (const char *)sw_json_member(e, "leaf_not_before")->text.data);
    bool good = sw_json_member(e, "digest_ok")->boolean && sw_json_member(e, "chain_ok")->boolean;
    sw_status status = judge(xml, day_after(date), &rim, &err);
    if ((status == SW_OK) != good) fail_msg("%s/%s: %s", folder, file, err.message);
    n->entries++;
    if (status != SW_OK) return;
    assert_true(sw_bytes_is(sw_json_member(e, "version")->text, rim.version));
    check_indices(&rim, e);
    sw_rim_free(&rim);
}

static void test_devices(void **state) {
    (void)state;
    counts n = {0};
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (const struct dirent *f = readdir(folder); f != NULL; f = readdir(folder)) {
        check_device(f->d_name, "driver_rim", &n);
        check_device(f->d_name, "vbios_rim", &n);
    }
    (void)closedir(folder);
    printf("# %zu manifests of devices\n", n.entries);
    assert_true(n.entries >= 10);
}

/* ---- canonical forms against libxml2 ---- */
static void check_forms(const char *path, counts *n) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) document = SW_BUFFER(4 * SW_RIM_LIMIT);
    SW_SCOPED(sw_buffer) info = SW_BUFFER(4 * SW_RIM_LIMIT);
    sw_error err = {0};
    char command[PATH_BYTES + 64], theirs[256] = "", ours[256], hex[2][97];
    uint8_t digest[SW_SHA384_BYTES];
    sw_bytes xml = load(&a, path);
    if (sw_rim_canonical(xml, &document, &info, &err) != SW_OK)
        fail_msg("%s: %s", path, err.message);
    sw_sha384(digest, sw_buffer_bytes(&document));
    sw_hex_text(hex[0], SW_BYTES_OF(digest));
    sw_sha384(digest, sw_buffer_bytes(&info));
    sw_hex_text(hex[1], SW_BYTES_OF(digest));
    (void)snprintf(ours, sizeof ours, "%s %s\n", hex[0], hex[1]);
    (void)snprintf(command, sizeof command, "python3 tests/attest/golden_rim.py '%s'", path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(theirs, sizeof theirs, pipe));
    assert_int_equal(pclose(pipe), 0);
    if (strcmp(ours, theirs) != 0) fail_msg("%s: ours %s theirs %s", path, ours, theirs);
    n->forms++;
}

static void test_forms(void **state) {
    (void)state;
    counts n = {0};
    DIR *folder = opendir(VECTORS "/rims");
    assert_non_null(folder);
    for (const struct dirent *f = readdir(folder); f != NULL; f = readdir(folder)) {
        char path[PATH_BYTES];
        if (f->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "%s/rims/%s", VECTORS, f->d_name);
        check_forms(path, &n);
    }
    (void)closedir(folder);
    printf("# %zu canonical forms\n", n.forms);
    assert_true(n.forms >= 27);
}

/* ---- some of them bent ---- */
typedef struct bent {
    const char *path;
    int64_t at_ms;
    size_t step; /* bits */
    sw_bytes xml;
    sw_arena lanes[LANES];
    uint8_t *bytes[LANES];
    size_t held[LANES];
} bent;

static void bent_flip(void *context, size_t index, size_t lane) {
    bent *b = context;
    size_t bit = index * b->step;
    sw_rim rim = {0};
    b->bytes[lane][bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (judge(SW_BYTES(b->bytes[lane], b->xml.size), b->at_ms, &rim, NULL) == SW_OK) {
        b->held[lane] = bit + 1;
        sw_rim_free(&rim);
    }
    b->bytes[lane][bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void bent_cuts(const bent *b) {
    sw_rim rim = {0};
    for (size_t cut = 0; cut < b->xml.size - 1; cut += 17)
        assert_int_not_equal(judge(SW_BYTES(b->bytes[0], cut), b->at_ms, &rim, NULL), SW_OK);
    assert_int_equal(judge(b->xml, b->at_ms, &rim, NULL), SW_OK);
    sw_rim_free(&rim);
}

/* A driver's, a GPU's VBIOS and a switch's. Sampled, unless every bit is asked for. */
static void test_cuts_and_flips(void **state) {
    (void)state;
    static bent all[] = {
        {.path = VECTORS "/rims/NV_GPU_DRIVER_GH100_550.144.03.xml",
         .at_ms = INT64_C(1740000000000)},
        {.path = VECTORS "/rims/1010_0200_882_96005E0001_PROD.swidtag",
         .at_ms = INT64_C(1700000000000)},
        {.path = VECTORS "/rims/switchVBIOSRim_NV_SWITCH_BIOS_5612_0002_890_9610550001.xml",
         .at_ms = INT64_C(1790000000000)},
    };
    sw_pool *pool = NULL;
    assert_int_equal(sw_pool_open(LANES, &pool, NULL), SW_OK);
    for (size_t i = 0; i < COUNT(all); i++) {
        bent *b = &all[i];
        b->step = every_bit() ? 1 : SANITIZED ? 8 * 89 + 1 : 8 * 23 + 1;
        for (size_t lane = 0; lane < LANES; lane++) {
            b->xml = load(&b->lanes[lane], b->path);
            b->bytes[lane] = (uint8_t *)(uintptr_t)b->xml.data;
        }
        bent_cuts(b);
        size_t flips = (8 * b->xml.size + b->step - 1) / b->step;
        sw_pool_run(pool, flips, bent_flip, b);
        for (size_t lane = 0; lane < LANES; lane++) {
            if (b->held[lane] != 0) fail_msg("%s: bit %zu, and taken", b->path, b->held[lane] - 1);
            sw_arena_free(&b->lanes[lane]);
        }
        printf("# %zu of %zu bits flipped\n", flips, 8 * b->xml.size);
    }
    sw_pool_close(&pool);
}

static int open_all(void **state) {
    (void)state;
    rim_forge_open();
    assert_int_equal(sw_hex_decode(nvidia.b, sizeof nvidia.b, sw_text(NVIDIA_ROOT), false, NULL),
                     SW_OK);
    return 0;
}

static int close_all(void **state) {
    (void)state;
    rim_forge_close();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_provenance),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_cuts_and_flips),
    };
    DIR *folder = opendir(VECTORS "/rims");
    if (folder == NULL) {
        printf("1..0 # SKIP no folder %s/rims\n", VECTORS);
        return 0;
    }
    (void)closedir(folder);
    return cmocka_run_group_tests_name("rim_nvidia", tests, open_all, close_all);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe with a command: what its recipe.yaml may say, its lock and its compose against the
 * committed golden (Python's json, golden/make-golden.py). docs/formats/command.md, CMD-006 and
 * CMD-010 to CMD-014.
 */
#include "codec/text.h"
#include "recipe/golden.h"
#include "recipe/recipe_internal.h"

static golden load(void) {
    return golden_load_in("command/");
}

static void parse_yaml(const sw_buffer *yaml, sw_recipe *out) {
    sw_error err = {0};
    if (sw_recipe_parse(sw_buffer_bytes(yaml), "recipe.yaml", out, &err) != SW_OK)
        fail_msg("%s (%s)", err.message, err.hint);
}

static void test_golden(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    if (golden_make(&g, sw_buffer_bytes(&g.recipe), &made, &err) != SW_OK)
        fail_msg("%s", err.message);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&made), sw_buffer_bytes(&g.compose)));
    assert_int_equal(sw_compose_parse(sw_buffer_bytes(&g.compose), &r, &err), SW_OK);
    const sw_recipe_command *c = &r.command;
    assert_false(r.native);
    assert_int_equal(c->argument_count, 7);
    assert_string_equal(c->arguments[0], "/usr/bin/python3");
    assert_string_equal(c->arguments[4], "2e-4");
    assert_int_equal(c->file_count, 2);
    assert_string_equal(c->files[0].path, "/app/train.py"); /* the recipe's order */
    assert_int_equal(c->files[0].size, 1714);
    assert_string_equal(c->files[1].path, "/app/requirements.lock");
    assert_int_equal(c->environment_count, 2);
    assert_string_equal(c->names[0], "CUDA_VISIBLE_DEVICES"); /* in ascending order */
    assert_string_equal(c->values[0], "0");
    assert_string_equal(c->names[1], "OMP_NUM_THREADS");
    assert_string_equal(c->values[1], "4");
    assert_int_equal(c->max_steps, 500);
    assert_int_equal(c->save_steps, 50);
    assert_int_equal(c->scratch_bytes, UINT64_C(2) << 30);
    assert_true(c->gpu);
    assert_int_equal(c->tree_entries, 31415);
    assert_int_equal(c->tree_bytes, 5368709120);
    assert_string_equal(r.profiles, "");
    golden_drop(&g);
}

static void test_defaults(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    replace(&g.recipe,
            "  environment: {OMP_NUM_THREADS: \"4\", CUDA_VISIBLE_DEVICES: \"0\"}\n"
            "  max_steps: 500\n  save_steps: 50\n  scratch: 2GiB\n  gpu: true\n",
            "  max_steps: 1\n", &text);
    parse_yaml(&text, &r);
    assert_int_equal(r.command.environment_count, 0);
    assert_int_equal(r.command.max_steps, 1);
    assert_int_equal(r.command.save_steps, 0);
    assert_int_equal(r.command.scratch_bytes, UINT64_C(1) << 30);
    assert_false(r.command.gpu);
    golden_drop(&g);
}

#define ARGUMENTS "[/usr/bin/python3, -s, /app/train.py, --lr, \"2e-4\", --epochs, \"2\"]"
#define FILES     "[/app/train.py, /app/requirements.lock]"
#define VARIABLES "{OMP_NUM_THREADS: \"4\", CUDA_VISIBLE_DEVICES: \"0\"}"
#define NOT_TEXT  " must be text, not empty and without control or invisible characters"
#define LONG_16   "aaaaaaaaaaaaaaaa"
#define LONG_64   LONG_16 LONG_16 LONG_16 LONG_16
#define LONG_256  LONG_64 LONG_64 LONG_64 LONG_64
#define LONG_512  LONG_256 LONG_256
#define AGENT     " is at a place of the agent's own, not in the tree"
#define PARTS     " has an empty part, . or .. in it"
#define NO_SCRIPT                                                                                  \
    ":12: trainer.command names no script behind the program: its first argument that is no"       \
    " option must be one of trainer.files"
#define OPTION(at)                                                                                 \
    ":12: trainer.command[" at "], before the script, is an option that a recipe cannot give:"     \
    " others than -u, -B, -s, -O and -OO, of a program named python, may choose what code runs"
#define SETS(name)                                                                                 \
    {                                                                                              \
        VARIABLES, "{" name ": x}",                                                                \
            ":17: trainer.environment." name " is the agent's: a recipe cannot set it", NULL       \
    }
#define LOADS(name)                                                                                \
    {                                                                                              \
        VARIABLES, "{" name ": x}",                                                                \
            ":17: trainer.environment." name                                                       \
            " changes what code is loaded: a recipe cannot set it",                                \
            "what the script needs to be told may stand in trainer.command behind the script,"     \
            " as arguments"                                                                        \
    }
#define STANDS(line, why)                                                                          \
    { "trainer:\n", line "trainer:\n", ":1: " why, NULL }

/* The whole message but for file and line, and the hint where one is expected. */
static const struct {
    const char *from, *to, *says, *hint;
} refusals[] = {
    {"kind: command", "kind: native",
     ":3: trainer.command stands here but trainer.kind is native: the native trainer runs no code"
     " of a recipe",
     NULL},
    {"kind: command", "kind: script", ":9: trainer.kind must be one of: native, command", NULL},
    {"  kind: command\n", "", ":3: trainer.kind is missing", NULL},
    {"kind: command", "kind: command\n  profile: bf16-dp",
     ":3: trainer.profile stands here but trainer.kind is command: the command's code says how it"
     " computes",
     NULL},
    STANDS("phase: sft\n", "phase stands here but trainer.kind is command: the command's code says"
                           " what it trains"),
    STANDS("method: lora\n", "method stands here but trainer.kind is command: the command's code"
                             " says how it trains"),
    STANDS("template: none\n", "template stands here but trainer.kind is command: the command's"
                               " code makes text of a row"),
    STANDS("template_date: 2026-11-28\n", "template_date stands here but trainer.kind is command:"
                                          " the command's code makes text of a row"),
    STANDS("training: {}\n", "training stands here but trainer.kind is command: the command's code"
                             " and arguments hold its settings"),
    STANDS("lora: {}\n", "lora stands here but trainer.kind is command: the command's code and"
                         " arguments hold its settings"),
    {"max_steps:", "max_step:", ":3: trainer.max_step is not known", "did you mean max_steps?"},
    {"scratch:", "scratsh:", ":3: trainer.scratsh is not known", "did you mean scratch?"},
    {"  gpu: true", "  network: true", ":3: trainer.network is not known", NULL},
    /* command */
    {"  command: " ARGUMENTS "\n", "", ":3: trainer.command is missing", NULL},
    {ARGUMENTS, "[]", ":12: trainer.command is empty", NULL},
    {ARGUMENTS, "/bin/true", ":12: trainer.command must be a list", NULL},
    {ARGUMENTS, "[/bin/sh, \"\"]", ":22: trainer.command[]" NOT_TEXT, NULL},
    {ARGUMENTS, "[/bin/sh, \"a\\nb\"]", ":22: trainer.command[]" NOT_TEXT, NULL},
    {ARGUMENTS, "[/bin/sh, \"a\\u202eb\"]", ":22: trainer.command[]" NOT_TEXT, NULL},
    {ARGUMENTS, "[/bin/sh, [a]]", ":22: trainer.command[]" NOT_TEXT, NULL},
    {ARGUMENTS, "[/bin/sh, " LONG_512 LONG_512 "a]",
     ":22: trainer.command[] is longer than 1024 bytes", NULL},
    {ARGUMENTS, "[python3]",
     ":13: trainer.command[0], the program, is no absolute path: it starts with /", NULL},
    {ARGUMENTS, "[/usr/../bin/sh]", ":13: trainer.command[0], the program," PARTS, NULL},
    {ARGUMENTS, "[/./bin/sh]", ":13: trainer.command[0], the program," PARTS, NULL},
    {ARGUMENTS, "[//bin/sh]", ":13: trainer.command[0], the program," PARTS, NULL},
    {ARGUMENTS, "[/bin/]", ":13: trainer.command[0], the program," PARTS, NULL},
    {ARGUMENTS, "[/]", ":13: trainer.command[0], the program," PARTS, NULL},
    {ARGUMENTS, "[/tmp/a.out]", ":13: trainer.command[0], the program," AGENT, NULL},
    {ARGUMENTS, "[/app/train.py]", NO_SCRIPT, NULL}, /* the program is none */
    {ARGUMENTS, "[/usr/bin/python3, -m, torch.distributed.run]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, evil.py, /app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, -u, evil.py, /app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/bin/runner, evil.py, cpu, /app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/env, python3, /app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, -s, -m, x, /app/train.py]", OPTION("2"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -mx, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -um, x, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -c, x, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -P, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -I, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -E, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -i, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -x, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -W, x, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -X, presite=x, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, --, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, \"-\", /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/perl, -s, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/opt/python/node, -u, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, /app/other.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, /app/other.py, /app/train.py]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, /app/train.pyc]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, /app/train]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, //app/train.py]", NO_SCRIPT, NULL},
    {FILES, "[/app/requirements.lock]", NO_SCRIPT, NULL},
    {ARGUMENTS, "[/usr/bin/python3, -X, pycache_prefix=/lib, /app/train.py]", OPTION("1"), NULL},
    {ARGUMENTS, "[/usr/bin/python3, -Xpycache_prefix=/lib, /app/train.py]", OPTION("1"), NULL},
    /* files */
    {"  files: " FILES "\n", "", ":3: trainer.files is missing", NULL},
    {FILES, "[]", ":10: trainer.files is empty", NULL},
    {FILES, "[/app/train.py, /app/train.py]", ":26: trainer.files lists one file twice", NULL},
    {FILES, "[app/train.py]", ":11: trainer.files[] is no absolute path: it starts with /", NULL},
    {FILES, "[/app/../train.py]", ":11: trainer.files[]" PARTS, NULL},
    {FILES, "[/app/train.py/]", ":11: trainer.files[]" PARTS, NULL},
    {FILES, "[/dev/null]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[/proc/cpuinfo]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[/sys/x]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[/tmp/x]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[/model/x]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[/run]", ":11: trainer.files[]" AGENT, NULL},
    {FILES, "[\"/app/a\\tb\"]", ":11: trainer.files[]" NOT_TEXT, NULL},
    {FILES, "[/" LONG_512 "]", ":11: trainer.files[] is longer than 512 bytes", NULL},
    /* environment */
    {VARIABLES, "[A]", ":16: trainer.environment must be a map of keys and values", NULL},
    {VARIABLES, "{lower: x}",
     ":17: trainer.environment has a name that is not 1 to 64 of A-Z 0-9 _ without a digit in "
     "front",
     NULL},
    {VARIABLES, "{1A: x}",
     ":17: trainer.environment has a name that is not 1 to 64 of A-Z 0-9 _ without a digit in "
     "front",
     NULL},
    {VARIABLES, "{A" LONG_64 ": x}",
     ":17: trainer.environment has a name that is not 1 to 64 of A-Z 0-9 _ without a digit in "
     "front",
     NULL},
    {VARIABLES, "{A: \"\"}", ":20: trainer.environment.A" NOT_TEXT, NULL},
    {VARIABLES, "{A: [b]}", ":20: trainer.environment.A" NOT_TEXT, NULL},
    {VARIABLES, "{A: " LONG_512 LONG_512 "a}",
     ":20: trainer.environment.A is longer than 1024 bytes", NULL},
    LOADS("LD_PRELOAD"),
    LOADS("LD_"),
    LOADS("GCONV_PATH"),
    LOADS("PYTHONHOME"),
    LOADS("PYTHONSTARTUP"),
    LOADS("PYTHONBREAKPOINT"),
    LOADS("PYTHONINSPECT"),
    LOADS("PYTHONPYCACHEPREFIX"),
    LOADS("BASH_ENV"),
    LOADS("ENV"),
    LOADS("PYTHONPATH"),
    LOADS("PYTHONSAFEPATH"),
    LOADS("PYTHONWARNINGS"),
    LOADS("PYTHONPLATLIBDIR"),
    LOADS("PYTHONUTF8X"),
    LOADS("OPENSSL_CONF"),
    LOADS("OPENSSL_MODULES"),
    LOADS("NODE_OPTIONS"),
    LOADS("NODE_ANY"),
    LOADS("CUDA_INJECTION64_PATH"),
    LOADS("NVTX_INJECTION64_PATH"),
    LOADS("CUDA_HOME"),
    LOADS("GLIBC_TUNABLES"),
    LOADS("LOCPATH"),
    LOADS("NLSPATH"),
    LOADS("PERL5OPT"),
    LOADS("RUBYOPT"),
    LOADS("JAVA_TOOL_OPTIONS"),
    LOADS("_JAVA_OPTIONS"),
    LOADS("_PYTHON_SYSCONFIGDATA_NAME"), /* sysconfig imports it */
    LOADS("__PYVENV_LAUNCHER_PYTHON_MODULES"),
    LOADS("OCL_ICD_VENDORS"),
    LOADS("VK_ICD_FILENAMES"),
    LOADS("BROWSER"),
    LOADS("PAGER"),
    LOADS("ODBCINI"),
    LOADS("ERL_AFLAGS"),
    LOADS("NVCC_PREPEND_FLAGS"),
    LOADS("CLASSPATH"),
    LOADS("BASHOPTS"),
    LOADS("BASH_FUNC_X"),
    LOADS("SHELLOPTS"),
    LOADS("PS4"),
    LOADS("IFS"),
    LOADS("CXX"),
    LOADS("MPLBACKEND"),
    LOADS("MALLOC_PRELOAD"),
    LOADS("NCCL_NET_PLUGIN"),
    LOADS("NCCL_CONF_FILE"),
    LOADS("TRITON_PTXAS_PATH"),
    LOADS("TORCHINDUCTOR_CACHE_DIR"),
    LOADS("TORCH_DEVICE_BACKEND_AUTOLOAD"),
    LOADS("HF_DATASETS_TRUST_REMOTE_CODE"),
    LOADS("DJANGO_SETTINGS_MODULE"),
    LOADS("ANYLIB64"),
    SETS("HOME"),
    SETS("TMPDIR"),
    SETS("LANG"),
    SETS("PATH"),
    SETS("HF_HUB_OFFLINE"),
    SETS("TRANSFORMERS_OFFLINE"),
    SETS("HF_DATASETS_OFFLINE"),
    SETS("HF_HOME"),
    SETS("HF_HUB_DISABLE_TELEMETRY"),
    SETS("WANDB_MODE"),
    SETS("TOKENIZERS_PARALLELISM"),
    SETS("PYTHONDONTWRITEBYTECODE"),
    SETS("PYTHONHASHSEED"),
    SETS("PYTHONNOUSERSITE"),
    SETS("SEALWRIGHT"),
    /* the rest */
    {"  max_steps: 500\n", "", ":3: trainer.max_steps is missing", NULL},
    {"max_steps: 500", "max_steps: 0",
     ":14: trainer.max_steps must be a whole number from 1 to 100000000", NULL},
    {"max_steps: 500", "max_steps: 100000001",
     ":14: trainer.max_steps must be a whole number from 1 to 100000000", NULL},
    {"save_steps: 50", "save_steps: 100000001",
     ":15: trainer.save_steps must be a whole number from 0 to 100000000", NULL},
    {"scratch: 2GiB", "scratch: 1023KiB",
     ":12: trainer.scratch must be a whole number with a unit (B, KiB, MiB, GiB, TiB), from 1 MiB"
     " to 1 TiB",
     NULL},
    {"scratch: 2GiB", "scratch: 2TiB",
     ":12: trainer.scratch must be a whole number with a unit (B, KiB, MiB, GiB, TiB), from 1 MiB"
     " to 1 TiB",
     NULL},
    {"gpu: true", "gpu: 1", ":8: trainer.gpu must be true or false", NULL},
    {"gpu: true", "gpu: none", ":8: trainer.gpu must be true or false", NULL},
};

/* What authors do give. */
static void test_accepted(void **state) {
    static const struct {
        const char *from, *to;
    } cases[] = {
        {ARGUMENTS, "[/usr/bin/python3, /app/train.py]"},
        {ARGUMENTS, "[/venv/bin/python3.11, -u, -B, -s, -O, -OO, /app/train.py, -m, x, evil.py]"},
        {ARGUMENTS, "[/bin/sh, /app/train.py, -c, x]"},
        {VARIABLES, "{MODEL: /model, OMP_NUM_THREADS: \"2\", MKL_NUM_THREADS: \"2\"}"},
        {VARIABLES, "{PYTHONUNBUFFERED: \"1\", PYTHONFAULTHANDLER: \"1\", PYTHONUTF8: \"1\"}"},
        {VARIABLES, "{PYTORCH_CUDA_ALLOC_CONF: x, PYTORCH_ALLOC_CONF: x}"},
        {VARIABLES, "{CUDA_MODULE_LOADING: LAZY, CUDA_LAUNCH_BLOCKING: \"1\", TZ: UTC}"},
        {VARIABLES, "{NCCL_DEBUG: WARN, NCCL_P2P_DISABLE: \"1\", TORCH_LOGS: x, _: x, A__2: x}"},
    };
    (void)state;
    golden g = load();
    static sw_recipe r;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        replace(&g.recipe, cases[i].from, cases[i].to, &text);
        parse_yaml(&text, &r);
    }
    golden_drop(&g);
}

static void test_refusals(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r, untouched;
    memset(&untouched, 0x5a, sizeof untouched);
    for (size_t i = 0; i < COUNT(refusals); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_error err = {0};
        replace(&g.recipe, refusals[i].from, refusals[i].to, &text);
        memcpy(&r, &untouched, sizeof r);
        if (sw_recipe_parse(sw_buffer_bytes(&text), "recipe.yaml", &r, &err) == SW_OK)
            fail_msg("accepted: %s", refusals[i].to);
        assert_memory_equal(&r, &untouched, sizeof r);
        assert_string_equal(err.word, "recipe");
        const char *line = err.message + strlen("recipe.yaml:");
        if (strcmp(line + strspn(line, "0123456789"), refusals[i].says) != 0)
            fail_msg("%s: not\n%s\nbut\n%s", refusals[i].to, refusals[i].says, err.message);
        if (refusals[i].hint != NULL) assert_string_equal(err.hint, refusals[i].hint);
    }
    golden_drop(&g);
}

/* On hardware a command sees a GPU only where the machine's are attested. */
static void test_gpu_without_policy(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) tdx = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    char hex[65], anchor[128];
    sw_hex_text(hex, SW_BYTES_OF(sw_intel_root.b));
    (void)snprintf(anchor, sizeof anchor, "anchors: [%s]", hex);
    replace(&g.recipe, "platform: sim", "platform: tdx", &text);
    replace(&text, "anchors: [bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb]",
            anchor, &tdx);
    assert_int_equal(sw_recipe_parse(sw_buffer_bytes(&tdx), "r", &r, &err), SW_REFUSED);
    assert_non_null(strstr(err.message, "trainer.gpu is true but machine.gpu is none: rows would go"
                                        " to a GPU that nobody attests"));
    replace(&tdx, "  gpu: true\n", "", &text);
    parse_yaml(&text, &r);
    golden_drop(&g);
}

/* ---- the lock ---- */

#define TREE_HEX "\"tree\":{\"bytes\":5368709120,\"entries\":31415,\"sha256\":"
static const struct {
    const char *from, *to, *says;
} lock_refusals[] = {
    {"command-lock/v1", "command-lock/v2", "trainer.lock.kind is not sealwright/command-lock/v1"},
    {"\"kind\"", "\"kinds\"", "trainer.lock"},
    {"{\"files\"", "{\"extra\":1,\"files\"", "trainer.lock.extra is not known here"},
    {"{\"files\":", "{ \"files\":", "RFC 8785 form"},
    {"/app/requirements.lock", "/app/zequirements.lock",
     "trainer.lock: files are not in ascending order of their names"},
    {"/app/requirements.lock", "/app/train.py",
     "trainer.lock: files are not in ascending order of their names"},
    {"/app/requirements.lock", "app/requirements.lock",
     "trainer.lock.files[0] is no absolute path: it starts with /"},
    {"/app/requirements.lock", "/model/config.json", "trainer.lock.files[0]" AGENT},
    {"/app/requirements.lock", "/app//x", "trainer.lock.files[0]" PARTS},
    {"/app/requirements.lock", "", "trainer.lock.files[0] is not text"},
    {"/app/requirements.lock", "/app/a\xe2\x80\xae", "trainer.lock.files[0] is not text"},
    {"/app/requirements.lock", "/app/r\\u0000",
     "trainer.lock.files[].name is no path of at most 512 bytes"},
    {"/app/requirements.lock", "/" LONG_512,
     "trainer.lock.files[].name is no path of at most 512 bytes"},
    {"/app/requirements.lock", "/app/other.lock",
     "trainer.lock lacks a file of trainer.files: /app/requirements.lock"},
    {"{\"files\":[{\"name\":\"/app/requirements.lock\"",
     "{\"files\":[{\"name\":\"/app/a\",\"sha256\":"
     "\"0000000000000000000000000000000000000000000000000000000000000000\",\"size\":0},"
     "{\"name\":\"/app/requirements.lock\"",
     "trainer.lock names a file that trainer.files does not: /app/a"},
    {"\"size\":48211", "\"size\":48211.5", "size"},
    {"\"size\":48211", "\"size\":-1", "size"},
    {"\"size\":48211", "\"size\":5368709120", "trainer.lock: files are larger than their tree"},
    {"\"entries\":31415", "\"entries\":1", "trainer.lock.tree has more entries or bytes"},
    {"\"entries\":31415", "\"entries\":400001", "entries"},
    {"\"bytes\":5368709120", "\"bytes\":68719476737", "bytes"},
    {TREE_HEX, "\"tree\":{\"bytes\":5368709120,\"entries\":31415,\"sha512\":", "sha512"},
    {"\"worker\":\"e", "\"worker\":\"E", "worker"},
};

static void test_lock_refusals(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r, before;
    parse_yaml(&g.recipe, &before);
    for (size_t i = 0; i < COUNT(lock_refusals); i++) {
        SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
        sw_error err = {0};
        replace(&g.trainer_lock, lock_refusals[i].from, lock_refusals[i].to, &text);
        memcpy(&r, &before, sizeof r);
        if (sw_command_lock_parse(sw_buffer_bytes(&text), &r, &err) == SW_OK)
            fail_msg("accepted: %s", lock_refusals[i].to);
        assert_memory_equal(&r, &before, sizeof r);
        if (strstr(err.message, lock_refusals[i].says) == NULL)
            fail_msg("%s: does not say %s: %s", lock_refusals[i].to, lock_refusals[i].says,
                     err.message);
    }
    golden_drop(&g);
}

/* One lock, one encoding, whatever the order of the recipe's files; no cut and no flip passes as
 * the same lock. */
static void test_lock_bytes(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    static sw_recipe_command c;
    sw_error err = {0};
    sw_hash worker;
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 16);
    parse_yaml(&g.recipe, &r);
    sw_buffer *b = &g.trainer_lock;
    assert_int_equal(sw_command_lock_parse(sw_buffer_bytes(b), &r, &err), SW_OK);
    assert_int_equal(sw_command_lock_encode(&r.command, &r.trainer_digest, &made, &err), SW_OK);
    assert_true(sw_bytes_equal(sw_buffer_bytes(&made), sw_buffer_bytes(b)));
    for (size_t i = 0; i < b->size; i++)
        assert_int_not_equal(sw_command_lock_read(SW_BYTES(b->data, i), &c, &worker, NULL), SW_OK);
    size_t other = 0;
    for (size_t i = 0; i < b->size; i++)
        for (int bit = 0; bit < 8; bit++) {
            b->data[i] ^= (uint8_t)(1 << bit);
            if (sw_command_lock_read(sw_buffer_bytes(b), &c, &worker, NULL) == SW_OK) {
                made.size = 0;
                other++;
                assert_int_equal(sw_command_lock_encode(&c, &worker, &made, NULL), SW_OK);
                assert_true(sw_bytes_equal(sw_buffer_bytes(&made), sw_buffer_bytes(b)));
            }
            b->data[i] ^= (uint8_t)(1 << bit);
        }
    print_message("# %zu flips gave another lock, each with its own bytes\n", other);
    assert_true(other > 0);
    sw_put_u8(b, '\n');
    assert_int_not_equal(sw_command_lock_read(sw_buffer_bytes(b), &c, &worker, NULL), SW_OK);
    golden_drop(&g);
}

static void test_lock_encode_refusals(void **state) {
    static sw_recipe_command c;
    const sw_hash worker = {{1}};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 16);
    (void)state;
    c = (sw_recipe_command){.file_count = 2, .tree_entries = 2, .tree_bytes = 10};
    (void)snprintf(c.files[0].path, sizeof c.files[0].path, "/b");
    (void)snprintf(c.files[1].path, sizeof c.files[1].path, "/a");
    assert_int_equal(sw_command_lock_encode(&c, &worker, &made, NULL), SW_OK);
    made.size = 0;
#define REFUSED(change, back)                                                                      \
    do {                                                                                           \
        change;                                                                                    \
        assert_int_equal(sw_command_lock_encode(&c, &worker, &made, NULL), SW_REFUSED);            \
        back;                                                                                      \
    } while (0)
    REFUSED(c.file_count = 0, c.file_count = 2);
    REFUSED(c.file_count = SW_COMMAND_FILES + 1, c.file_count = 2);
    REFUSED(c.tree_entries = 1, c.tree_entries = 2);
    REFUSED(c.tree_entries = 400001, c.tree_entries = 2);
    REFUSED(c.files[0].size = 11, c.files[0].size = 0);
    REFUSED(c.files[0].path[1] = 'a', c.files[0].path[1] = 'b');
    REFUSED(c.files[0].path[0] = 'a', c.files[0].path[0] = '/');
    REFUSED(c.files[0].path[1] = 1, c.files[0].path[1] = 'b');
#undef REFUSED
    assert_int_equal(made.size, 0);
}

/* A lock of the other kind of trainer is told by its kind. */
static void test_wrong_kind_of_lock(void **state) {
    (void)state;
    golden native = golden_load(), command = load();
    sw_error err = {0};
    SW_SCOPED(sw_buffer) made = SW_BUFFER(SW_COMPOSE_LIMIT);
    assert_int_equal(sw_compose_make(sw_buffer_bytes(&native.recipe), "r",
                                     sw_buffer_bytes(&native.model_lock),
                                     sw_buffer_bytes(&command.trainer_lock), &made, &err),
                     SW_REFUSED);
    assert_string_equal(err.message, "trainer.lock is the lock of a command"
                                     " (sealwright/command-lock/v1), but trainer.kind is native");
    assert_int_equal(sw_compose_make(sw_buffer_bytes(&command.recipe), "r",
                                     sw_buffer_bytes(&command.model_lock),
                                     sw_buffer_bytes(&native.trainer_lock), &made, &err),
                     SW_REFUSED);
    assert_string_equal(err.message, "trainer.lock is the lock of the native trainer"
                                     " (sealwright/trainer-lock/v1), but trainer.kind is command");
    assert_int_equal(made.size, 0);
    golden_drop(&native);
    golden_drop(&command);
}

/* ---- the compose ---- */

static void test_compose_bytes(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    sw_buffer *b = &g.compose;
    const uint8_t *ours = memmem(b->data, b->size, "\"sealwright\":{", 14);
    size_t from = (size_t)(ours - b->data), other = 0;
    for (size_t i = 0; i < b->size; i++) {
        assert_int_not_equal(sw_compose_parse(SW_BYTES(b->data, i), &r, NULL), SW_OK);
        uint8_t bit = (uint8_t)(1 << i % 8);
        b->data[i] ^= bit;
        if (sw_compose_parse(sw_buffer_bytes(b), &r, NULL) == SW_OK) {
            assert_true(i > from);
            other++;
        }
        b->data[i] ^= bit;
    }
    print_message("# %zu flips gave another recipe\n", other);
    assert_true(other > 0 && other < b->size - from);
    golden_drop(&g);
}

/* The largest command is too much for one compose and says so; the most of each alone is not. */
static void test_most(void **state) {
    (void)state;
    golden g = load();
    static sw_recipe r;
    sw_error err = {0};
    SW_SCOPED(sw_buffer) list = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 20);
    SW_SCOPED(sw_buffer) made = SW_BUFFER(1 << 20);
    for (size_t count = SW_COMMAND_ARGUMENTS; count <= SW_COMMAND_ARGUMENTS + 1; count++) {
        list.size = 0;
        sw_put_text(&list, "[/bin/sh, /app/train.py");
        for (size_t i = 2; i < count; i++) sw_put_text(&list, ", " LONG_512 LONG_512);
        sw_put_text(&list, "]");
        sw_put_u8(&list, 0);
        replace(&g.recipe, ARGUMENTS, (const char *)list.data, &text);
        sw_status status = golden_make(&g, sw_buffer_bytes(&text), &made, &err);
        assert_int_equal(status, count == SW_COMMAND_ARGUMENTS ? SW_OK : SW_REFUSED);
    }
    assert_non_null(strstr(err.message, "trainer.command holds more than 64"));
    for (size_t count = SW_COMMAND_ENVIRONMENT; count <= SW_COMMAND_ENVIRONMENT + 1; count++) {
        list.size = 0;
        sw_put_text(&list, "{A0: x");
        for (size_t i = 1; i < count; i++) sw_put_format(&list, ", A%zu: x", i);
        sw_put_text(&list, "}");
        sw_put_u8(&list, 0);
        replace(&g.recipe, VARIABLES, (const char *)list.data, &text);
        sw_status status = sw_recipe_parse(sw_buffer_bytes(&text), "r", &r, &err);
        assert_int_equal(status, count == SW_COMMAND_ENVIRONMENT ? SW_OK : SW_REFUSED);
    }
    assert_non_null(strstr(err.message, "trainer.environment holds more than 32"));
    for (size_t i = 1; i < r.command.environment_count; i++)
        assert_true(strcmp(r.command.names[i - 1], r.command.names[i]) < 0);
    golden_drop(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_gpu_without_policy),
        cmocka_unit_test(test_lock_refusals),
        cmocka_unit_test(test_lock_bytes),
        cmocka_unit_test(test_lock_encode_refusals),
        cmocka_unit_test(test_wrong_kind_of_lock),
        cmocka_unit_test(test_compose_bytes),
        cmocka_unit_test(test_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * `trainer` of recipe.yaml: which of two kinds it is, and what a command says. A key of the other
 * kind is refused by name and reason, so that nothing stands in a recipe that nobody obeys.
 * docs/formats/command.md, CMD-010 to CMD-014; docs/formats/recipe.md, RCP-100 to RCP-104.
 */
#include "recipe/recipe_internal.h"

#include <stdio.h>
#include <string.h>

#define SETTING_HINT                                                                               \
    "what the script needs to be told may stand in trainer.command behind the script, as "         \
    "arguments"
#define STEPS_LIMIT     UINT64_C(100000000)
#define SCRATCH_DEFAULT (UINT64_C(1) << 30)
#define SCRATCH_MIN     (UINT64_C(1) << 20)
#define SCRATCH_MAX     (UINT64_C(1) << 40)

static const char TRAINER[] = "trainer", ENVIRONMENT[] = "trainer.environment";

const char *const *sw_command_environment(void) {
    static const char *const added[] = {"HOME=/tmp",
                                        "TMPDIR=/tmp",
                                        "LANG=C.UTF-8",
                                        "PATH=/usr/bin:/bin",
                                        "HF_HUB_OFFLINE=1",
                                        "TRANSFORMERS_OFFLINE=1",
                                        "HF_DATASETS_OFFLINE=1",
                                        "HF_HOME=/tmp/hf",
                                        "HF_HUB_DISABLE_TELEMETRY=1",
                                        "WANDB_MODE=disabled",
                                        "TOKENIZERS_PARALLELISM=false",
                                        "PYTHONDONTWRITEBYTECODE=1",
                                        "PYTHONHASHSEED=0",
                                        "PYTHONNOUSERSITE=1",
                                        "SEALWRIGHT=1",
                                        NULL};
    return added;
}

/* ---- which kind, and what the other kind has ---- */

typedef struct misplaced {
    const char *key, *why;
} misplaced;

static sw_status refuse_keys(const sw_recipe_reader *r, const sw_yaml *map, const char *where,
                             const char *kind, const misplaced *keys) {
    for (; keys->key != NULL; keys++) {
        const sw_yaml *m = sw_yaml_member(map, keys->key);
        if (m == NULL) continue;
        const sw_yaml at = {.line = m->key_line, .column = m->key_column};
        return sw_recipe_refuse(r, &at, where, "%s stands here but trainer.kind is %s: %s",
                                keys->key, kind, keys->why);
    }
    return SW_OK;
}

static const misplaced top_of_native[] = {
    {"phase", "the command's code says what it trains"},
    {"method", "the command's code says how it trains"},
    {"template", "the command's code makes text of a row"},
    {"template_date", "the command's code makes text of a row"},
    {"training", "the command's code and arguments hold its settings"},
    {"lora", "the command's code and arguments hold its settings"},
    {0},
};
static const misplaced trainer_of_native[] = {
    {"profile", "the command's code says how it computes"},
    {0},
};
static const misplaced trainer_of_command[] = {
    {"command", "the native trainer runs no code of a recipe"},
    {"files", "the native trainer runs no code of a recipe"},
    {"environment", "the native trainer reads no environment"},
    {"max_steps", "training.max_steps says how long it trains"},
    {"save_steps", "training.save_steps says when it saves"},
    {"scratch", "the native trainer writes no files"},
    {"gpu", "the native trainer uses no GPU"},
    {0},
};

sw_status sw_recipe_read_kind(const sw_recipe_reader *r, const sw_yaml *root, bool *native) {
    static const char *const kinds[] = {"native", "command", NULL};
    static const char *const all[] = {
        "?kind",        "?profile", "?command",    "?files", "?max_steps",
        "?environment", "?scratch", "?save_steps", "?gpu",   NULL};
    static const char *const of_native[] = {"kind", "profile", NULL};
    static const char *const of_command[] = {"kind",        "command",      "files",
                                             "max_steps",   "?environment", "?scratch",
                                             "?save_steps", "?gpu",         NULL};
    const sw_yaml *map = NULL;
    uint64_t kind;
    SW_TRY(sw_recipe_map(r, root, "", TRAINER, &map));
    SW_TRY(sw_recipe_expect(r, map, TRAINER, all));
    SW_TRY(sw_recipe_choice(r, map, TRAINER, "kind", kinds, &kind));
    *native = kind == 0;
    if (*native) SW_TRY(refuse_keys(r, map, TRAINER, kinds[0], trainer_of_command));
    if (*native) return sw_recipe_expect(r, map, TRAINER, of_native);
    SW_TRY(refuse_keys(r, root, "", kinds[1], top_of_native));
    SW_TRY(refuse_keys(r, map, TRAINER, kinds[1], trainer_of_native));
    return sw_recipe_expect(r, map, TRAINER, of_command);
}

/* ---- arguments and paths ---- */

static sw_status read_text(const sw_recipe_reader *r, const sw_yaml *node, const char *where,
                           const char *what, size_t limit, char *out) {
    if (node->type != SW_YAML_SCALAR || !sw_recipe_is_plain_text(node->text))
        return sw_recipe_refuse(
            r, node, where,
            "%s must be text, not empty and without control or invisible characters", what);
    if (node->text.size > limit)
        return sw_recipe_refuse(r, node, where, "%s is longer than %zu bytes", what, limit);
    memcpy(out, node->text.data, node->text.size);
    out[node->text.size] = 0;
    return SW_OK;
}

/* The tops of the private root that the agent fills itself (CMD-004). */
static bool is_of_agent(const char *path) {
    static const char *const tops[] = {"dev", "proc", "sys", "tmp", "model", "run", NULL};
    size_t size = strcspn(path + 1, "/");
    for (size_t i = 0; tops[i] != NULL; i++)
        if (strlen(tops[i]) == size && memcmp(path + 1, tops[i], size) == 0) return true;
    return false;
}

const char *sw_command_path_fault(const char *path) {
    if (path[0] != '/') return "is no absolute path: it starts with /";
    for (const char *at = path; *at != 0; at += 1 + strcspn(at + 1, "/")) {
        size_t size = strcspn(at + 1, "/");
        bool dots = (size == 1 && at[1] == '.') || (size == 2 && at[1] == '.' && at[2] == '.');
        if (size == 0 || dots) return "has an empty part, . or .. in it";
    }
    return is_of_agent(path) ? "is at a place of the agent's own, not in the tree" : NULL;
}

static sw_status read_arguments(const sw_recipe_reader *r, const sw_yaml *map,
                                sw_recipe_command *out) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, TRAINER, "command", SW_COMMAND_ARGUMENTS, &list));
    for (const sw_yaml *m = list->first; m != NULL; m = m->next)
        SW_TRY(read_text(r, m, TRAINER, "command[]", SW_COMMAND_TEXT,
                         out->arguments[out->argument_count++]));
    const char *fault = sw_command_path_fault(out->arguments[0]);
    if (fault == NULL) return SW_OK;
    return sw_recipe_refuse(r, list->first, TRAINER, "command[0], the program, %s", fault);
}

static sw_status read_files(const sw_recipe_reader *r, const sw_yaml *map, sw_recipe_command *out) {
    const sw_yaml *list = NULL;
    SW_TRY(sw_recipe_list(r, map, TRAINER, "files", SW_COMMAND_FILES, &list));
    for (const sw_yaml *m = list->first; m != NULL; m = m->next) {
        char *path = out->files[out->file_count].path;
        SW_TRY(read_text(r, m, TRAINER, "files[]", SW_COMMAND_PATH, path));
        const char *fault = sw_command_path_fault(path);
        if (fault != NULL) return sw_recipe_refuse(r, m, TRAINER, "files[] %s", fault);
        for (size_t i = 0; i < out->file_count; i++)
            if (strcmp(out->files[i].path, path) == 0)
                return sw_recipe_refuse(r, m, TRAINER, "files lists one file twice");
        out->file_count++;
    }
    return SW_OK;
}

/* Options of CPython that take no operand and load nothing. Of another program no option is known
 * to be one: perl's -E takes code, bash's -O a word. */
static bool is_harmless_option(const char *program, const char *option) {
    static const char *const options[] = {"-u", "-B", "-s", "-O", "-OO", NULL};
    if (strncmp(strrchr(program, '/') + 1, "python", strlen("python")) != 0) return false;
    for (size_t i = 0; options[i] != NULL; i++)
        if (strcmp(options[i], option) == 0) return true;
    return false;
}

/* What runs is what owners read: the program's first operand is one of the files. */
static sw_status check_script(const sw_recipe_reader *r, const sw_yaml *map,
                              const sw_recipe_command *c) {
    const sw_yaml *list = sw_yaml_member(map, "command");
    size_t at = 1;
    while (at < c->argument_count && is_harmless_option(c->arguments[0], c->arguments[at])) at++;
    for (size_t i = 0; at < c->argument_count && i < c->file_count; i++)
        if (strcmp(c->files[i].path, c->arguments[at]) == 0) return SW_OK;
    if (at < c->argument_count && c->arguments[at][0] == '-')
        return sw_recipe_refuse(r, list, TRAINER,
                                "command[%zu], before the script, is an option that a recipe "
                                "cannot give: others than -u, -B, -s, -O and -OO, of a program "
                                "named python, may choose what code runs",
                                at);
    return sw_recipe_refuse(r, list, TRAINER,
                            "command names no script behind the program: its first argument that "
                            "is no option must be one of trainer.files");
}

/* ---- environment ---- */

static bool is_variable(sw_bytes name) {
    if (name.size == 0 || name.size > 64 || (name.data[0] >= '0' && name.data[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool good = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!good) return false;
    }
    return true;
}

/* Where `name` belongs among those that are there, in ascending order. */
static size_t make_place(sw_recipe_command *c, const char *name) {
    size_t at = c->environment_count++;
    for (; at > 0 && strcmp(c->names[at - 1], name) > 0; at--) {
        memcpy(c->names[at], c->names[at - 1], sizeof c->names[at]);
        memcpy(c->values[at], c->values[at - 1], sizeof c->values[at]);
    }
    return at;
}

static sw_status refuse_variable(const sw_recipe_reader *r, const sw_yaml *at, const char *name,
                                 const char *fault) {
    sw_status status =
        sw_recipe_refuse(r, at, ENVIRONMENT, "%s %s: a recipe cannot set it", name, fault);
    sw_error_hint(r->err, SETTING_HINT);
    return status;
}

static sw_status read_environment(const sw_recipe_reader *r, const sw_yaml *map,
                                  sw_recipe_command *out) {
    const sw_yaml *all = NULL;
    if (sw_yaml_member(map, "environment") == NULL) return SW_OK;
    SW_TRY(sw_recipe_map(r, map, TRAINER, "environment", &all));
    if (all->count > SW_COMMAND_ENVIRONMENT)
        return sw_recipe_refuse(r, all, TRAINER, "environment holds more than %d",
                                SW_COMMAND_ENVIRONMENT);
    for (const sw_yaml *m = all->first; m != NULL; m = m->next) {
        const sw_yaml at = {.line = m->key_line, .column = m->key_column};
        char name[sizeof out->names[0]] = {0};
        if (!is_variable(m->key))
            return sw_recipe_refuse(
                r, &at, "",
                "%s has a name that is not 1 to 64 of A-Z 0-9 _ without a digit in front",
                ENVIRONMENT);
        memcpy(name, m->key.data, m->key.size);
        const char *fault = sw_command_variable_fault(name);
        if (fault != NULL) return refuse_variable(r, &at, name, fault);
        size_t place = make_place(out, name);
        memcpy(out->names[place], name, sizeof name);
        SW_TRY(read_text(r, m, ENVIRONMENT, name, SW_COMMAND_TEXT, out->values[place]));
    }
    return SW_OK;
}

/* ---- all of it ---- */

static sw_status read_terms(const sw_recipe_reader *r, const sw_yaml *map, sw_recipe_command *out) {
    SW_TRY(sw_recipe_whole(r, map, TRAINER, "max_steps", 1, STEPS_LIMIT, &out->max_steps));
    if (sw_yaml_member(map, "save_steps") != NULL)
        SW_TRY(sw_recipe_whole(r, map, TRAINER, "save_steps", 0, STEPS_LIMIT, &out->save_steps));
    if (sw_yaml_member(map, "scratch") != NULL)
        SW_TRY(sw_recipe_size(r, map, TRAINER, "scratch", SCRATCH_MIN, SCRATCH_MAX,
                              &out->scratch_bytes));
    if (sw_yaml_member(map, "gpu") == NULL) return SW_OK;
    return sw_recipe_flag(r, map, TRAINER, "gpu", &out->gpu);
}

sw_status sw_recipe_read_command(const sw_recipe_reader *r, const sw_yaml *root,
                                 const sw_policy *machine, sw_recipe_command *out) {
    const sw_yaml *map = NULL;
    SW_TRY(sw_recipe_map(r, root, "", TRAINER, &map));
    out->scratch_bytes = SCRATCH_DEFAULT;
    SW_TRY(read_arguments(r, map, out));
    SW_TRY(read_files(r, map, out));
    SW_TRY(check_script(r, map, out));
    SW_TRY(read_environment(r, map, out));
    SW_TRY(read_terms(r, map, out));
    /* On a real machine rows go to no GPU that nobody attests. */
    if (!out->gpu || machine->gpu.count > 0 || machine->platform == SW_PLATFORM_SIM) return SW_OK;
    return sw_recipe_refuse(r, sw_yaml_member(map, "gpu"), TRAINER,
                            "gpu is true but machine.gpu is none: rows would go to a GPU that"
                            " nobody attests");
}

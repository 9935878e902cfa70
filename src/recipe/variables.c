/* SPDX-License-Identifier: Apache-2.0
 *
 * Which variables a recipe may set for its command (CMD-012).
 *
 * A variable is read by the script, and by every library and interpreter below it before the script
 * runs a line. Nobody can list what all of them read, so whole families are refused by how their
 * names begin, and by what the parts of a name end in when it speaks of a path, a plug-in or
 * options; a few that authors need and that load nothing are excepted by name. What a script alone
 * shall read can be an argument.
 */
#include "recipe/recipe_internal.h"

#include <string.h>

static const char *const harmless[] = {
    "PYTHONFAULTHANDLER",      "PYTHONUNBUFFERED",   "PYTHONUTF8",          "PYTHONTRACEMALLOC",
    "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "CUDA_MODULE_LOADING", NULL};

/* Interpreters, loaders and libraries that run or load what their variables name. */
static const char *const families[] = {
    "LD_",   "GLIBC_", "GCONV_", "OPENSSL_", "PYTHON", "PERL",     "RUBY", "GEM_",
    "NODE_", "NPM_",   "JAVA",   "ERL_",     "JDK_",   "BASH",     "LUA",  "PHP",
    "JULIA", "TCL",    "GUILE",  "GIT_",     "OMPI_",  "PMIX_",    "UCX_", "QT_",
    "GTK_",  "GIO_",   "GI_",    "XDG_",     "PYDEVD", "COVERAGE", "MPL",  NULL};

static const char *const whole[] = {"ENV", "IFS", "PS4", "CC", "CXX", NULL};

/* At the end of a part, digits behind it left off. */
static const char *const ends[] = {
    "PATH",       "PRELOAD", "PLUGIN",  "PLUGINS",   "INJECTION", "OPT",       "OPTS",    "OPTIONS",
    "ARGS",       "LIB",     "LIBS",    "CONF",      "LIBRARY",   "LIBRARIES", "HOME",    "CONFIG",
    "STARTUP",    "INIT",    "DIR",     "DIRS",      "FILE",      "FILES",     "HOOK",    "CODE",
    "HOOKS",      "EDITOR",  "SHELL",   "BACKEND",   "BACKENDS",  "MODULE",    "MODULES", "ENGINES",
    "EXTENSIONS", "FLAGS",   "VENDORS", "FILENAMES", "INI",       "BROWSER",   "PAGER",   NULL};

static bool is_one_of(const char *name, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(name, *list) == 0) return true;
    return false;
}

/* `_PYTHON_SYSCONFIGDATA_NAME` names a module as well as any of Python's. */
static bool is_of_family(const char *name) {
    while (*name == '_') name++;
    for (const char *const *f = families; *f != NULL; f++)
        if (strncmp(name, *f, strlen(*f)) == 0) return true;
    return false;
}

static bool speaks_of_code(const char *part, size_t size) {
    while (size > 0 && part[size - 1] >= '0' && part[size - 1] <= '9') size--;
    for (const char *const *end = ends; *end != NULL; end++) {
        size_t length = strlen(*end);
        if (size >= length && memcmp(part + size - length, *end, length) == 0) return true;
    }
    return false;
}

static bool loads_code(const char *name) {
    if (is_one_of(name, harmless)) return false;
    if (is_one_of(name, whole) || is_of_family(name)) return true;
    for (const char *part = name; *part != 0;) {
        size_t size = strcspn(part, "_");
        if (speaks_of_code(part, size)) return true;
        part += size + (part[size] == '_');
    }
    return false;
}

const char *sw_command_variable_fault(const char *name) {
    size_t size = strlen(name);
    for (const char *const *added = sw_command_environment(); *added != NULL; added++)
        if (strncmp(*added, name, size) == 0 && (*added)[size] == '=') return "is the agent's";
    return loads_code(name) ? "changes what code is loaded" : NULL;
}

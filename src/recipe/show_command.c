/* SPDX-License-Identifier: Apache-2.0
 *
 * A command in plain words: all of what its recipe says, whole digests, and what a command can do
 * that the native trainer cannot. Texts are quoted, so that their ends are seen.
 * docs/formats/recipe.md, RCP-100 to RCP-104.
 */
#include "codec/text.h"
#include "crypto/crypto.h"
#include "recipe/recipe_internal.h"

#define CODE_LIMIT ((size_t)16 << 20)
static void put_quoted(sw_buffer *out, const char *text) {
    const sw_json node = {.type = SW_JSON_STRING, .text = sw_text(text)};
    sw_json_encode(out, &node);
    sw_put_text(out, "\n");
}

static void put_hash_line(sw_buffer *out, const char *before, const sw_hash *h) {
    sw_put_text(out, before);
    sw_hex_encode(out, SW_BYTES_OF(h->b));
    sw_put_text(out, "\n");
}

/* ---- what the host may observe ---- */

void sw_recipe_put_command_bits(sw_buffer *out, const sw_recipe *r) {
    const sw_command_bits b = sw_recipe_command_bits(r);
    sw_put_format(
        out,
        "  A command chooses what it reports, and may mean something by it: whether each"
        " step is reported (%llu bits),\n"
        "  whether a state comes where one may (%llu bits), whether it says something about"
        " itself (1 bit; what it says is\n"
        "  sealed with the model), how it answers when it is stopped (%llu bits), how far it"
        " computes what an earlier grant did (%llu bits),\n"
        "  of which kinds a call was refused it and whether it printed (%llu bits), and whether"
        " the machine ran out of memory\n"
        "  meanwhile (%d bit)\n",
        (unsigned long long)b.reported, (unsigned long long)b.states, (unsigned long long)b.stop,
        (unsigned long long)b.same, (unsigned long long)b.acts, SW_BITS_MEMORY);
}

/* ---- the command ---- */

static void put_files(sw_buffer *out, const sw_recipe_command *c) {
    sw_put_format(out,
                  "  Its code to read, %zu file%s of the tree (`recipe show COMPOSE --tree DIR`"
                  " prints them):\n",
                  c->file_count, c->file_count == 1 ? "" : "s");
    for (size_t i = 0; i < c->file_count; i++) {
        sw_put_format(out, "    %s, %llu bytes\n", c->files[i].path,
                      (unsigned long long)c->files[i].size);
        put_hash_line(out, "      ", &c->files[i].digest);
    }
    sw_put_text(out, "    Nothing else lies in their folders, or it does not run.\n");
    sw_put_format(out,
                  "  The tree, which is all that it has as its /: %llu entries, %llu bytes; its"
                  " interpreter and libraries are code too:\n",
                  (unsigned long long)c->tree_entries, (unsigned long long)c->tree_bytes);
    put_hash_line(out, "    ", &c->tree);
    sw_put_text(out,
                "    Everything in it but the files above is its maker's word, until you lay it"
                " out anew from packages that you\n"
                "    trust (`python -m sealwright.tree`) and get the same digest\n");
}

static void put_environment(sw_buffer *out, const sw_recipe_command *c) {
    sw_put_format(out, "  Environment: %zu of the recipe", c->environment_count);
    sw_put_text(out, c->environment_count == 0 ? "\n" : ":\n");
    for (size_t i = 0; i < c->environment_count; i++) {
        sw_put_format(out, "    %s=", c->names[i]);
        put_quoted(out, c->values[i]);
    }
    sw_put_text(out, "    and of the agent:");
    for (const char *const *added = sw_command_environment(); *added != NULL; added++)
        sw_put_format(out, " %s", *added);
    sw_put_text(out, "\n");
}

static void put_terms(sw_buffer *out, const sw_recipe_command *c) {
    sw_put_format(out, "  max_steps: %llu\n  save_steps: %llu%s\n  scratch: ",
                  (unsigned long long)c->max_steps, (unsigned long long)c->save_steps,
                  c->save_steps == 0 ? " (none)" : "");
    sw_recipe_put_size(out, c->scratch_bytes);
    sw_put_text(out, " of memory in which it may write files\n");
    sw_put_text(out, c->gpu ? "  gpu: true, it sees the GPUs of the machine\n"
                            : "  gpu: false, it sees no GPU\n");
}

/* CMD-052: no sandbox sees that instruction; a kernel can. */
static void put_place(sw_buffer *out, const sw_policy *p) {
    if (p->platform == SW_PLATFORM_SIM) return;
    sw_put_text(out, "  On tdx a program gives the host 92 bits of its choice with each CPUID "
                     "instruction, unless the image's kernel\n");
    sw_put_text(out,
                sw_policy_answers_cpuid(p)
                    ? "  answers it. All images below are SAID to, and that is your word when "
                      "you approve: check each.\n"
                    : "  answers it. Not all images below are said to (answers_cpuid), so this "
                      "command is REFUSED there.\n");
}

void sw_recipe_put_command(sw_buffer *out, const sw_recipe *r) {
    const sw_recipe_command *c = &r->command;
    sw_put_text(
        out, "\nCODE: this recipe runs a command on the rows, not the native trainer\n"
             "  A command is code. It has no network, no disk and no key, but its author and the"
             " host together have timing\n"
             "  and memory-access channels that no sandbox closes. What it trains and how is what"
             " its code says: read it.\n");
    put_place(out, &r->policy);
    sw_put_text(out, "  Arguments:\n");
    for (size_t i = 0; i < c->argument_count; i++) {
        sw_put_text(out, "    ");
        put_quoted(out, c->arguments[i]);
    }
    put_files(out, c);
    put_environment(out, c);
    put_terms(out, c);
    put_hash_line(out, "  build of the agent's programs, trainer digest\n    ", &r->trainer_digest);
}

sw_status sw_recipe_show_code(const sw_recipe_code *file, sw_bytes bytes, sw_buffer *out,
                              sw_error *err) {
    SW_SCOPED(sw_buffer) shown = SW_BUFFER(CODE_LIMIT);
    sw_hash digest;
    sw_sha256(&digest, bytes);
    if (bytes.size != file->size || !sw_hash_equal(&digest, &file->digest))
        return sw_fail(
            err, SW_REFUSED, "trainer",
            "the tree has another file than the one that the recipe's trainer lock names:"
            " %s",
            file->path);
    SW_TRY(sw_command_check_text(file->path, bytes, err));
    sw_put_format(&shown, "\nFile %s\n", file->path);
    if (!sw_utf8_valid(bytes))
        sw_put_format(&shown, "  BINARY, no text: %zu bytes\n", bytes.size);
    else if (bytes.size == 0)
        sw_put_text(&shown, "  empty\n");
    else
        sw_recipe_put_text(&shown, bytes);
    SW_TRY(sw_buffer_check(&shown, file->path, err));
    sw_put_bytes(out, sw_buffer_bytes(&shown));
    return sw_buffer_check(out, file->path, err);
}

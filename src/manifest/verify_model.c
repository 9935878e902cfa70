/* SPDX-License-Identifier: Apache-2.0
 *
 * What came out: model.sealed, the metrics sealed to owners, and the opened folder (MAN-070,
 * MAN-071, MAN-076).
 *
 * The root digest of Model Signing does not bind names, so names are compared twice: with the list
 * in sealwright.json, whose bytes the commitment covers, and with model.sig, which is made anew.
 */
#include "codec/text.h"
#include "manifest/manifest_internal.h"
#include "recipe/recipe.h"
#include <inttypes.h>
#include <string.h>

enum { SHOWN_CLAIMS = 400 };

static sw_status broken(sw_error *err, const char *sentence) {
    return sw_fail(err, SW_UNAUTHENTIC, "model", "%s", sentence);
}

sw_status sw_walk_sealed(sw_walk *w, sw_error *err) {
    if (w->in->model_fd < 0)
        return sw_fail(err, SW_MISSING, "missing", "model.sealed is not in the folder");
    sw_container_body body;
    sw_container_trailer trailer;
    SW_TRY(sw_container_inspect(&w->arena, w->in->model_fd, NULL, &body, &trailer, err));
    if (body.kind != SW_CONTAINER_OUTPUT || !sw_hash_equal(&trailer.root_id, &w->output_root))
        return broken(err, "model.sealed is not the output that the manifest names");
    if (!sw_hash_equal(&body.binding.compose, &w->verdict.compose) ||
        body.binding.step != w->verdict.steps ||
        !sw_hash_equal(&body.binding.previous_root, &w->last_checkpoint))
        return broken(err, "model.sealed is bound to another recipe, step or checkpoint");
    if (trailer.plain_bytes != w->recipe->output_limit_bytes)
        return broken(err, "model.sealed does not have the size that the recipe declares");
    sw_sha256(&w->verdict.output_body, body.encoded);
    char id[17];
    sw_hex_text(id, SW_BYTES(w->output_root.b, 8));
    sw_walk_holds(w, "model.sealed", "root %s..., %" PRIu64 " bytes", id, trailer.plain_bytes);
    return SW_OK;
}

/* ---- metrics-N.sealed: for their owners, so one that is not here is no fault ---- */

static sw_status check_metrics(sw_walk *w, int fd, const sw_manifest_sealed_metrics *m,
                               sw_error *err) {
    sw_container_body body;
    sw_container_trailer trailer;
    sw_hash recipient;
    const sw_owner *owner = sw_genesis_owner(w->genesis, &m->owner);
    SW_CHECK(err, owner != NULL);
    sw_key_id(&recipient, &owner->encryption_key);
    SW_TRY(sw_container_inspect(&w->arena, fd, NULL, &body, &trailer, err));
    if (sw_hash_equal(&trailer.root_id, &m->root) && body.kind == SW_CONTAINER_OPENED &&
        sw_hash_equal(&body.owner_id, &recipient) &&
        sw_hash_equal(&body.binding.compose, &w->verdict.compose))
        return SW_OK;
    return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                   "the metrics sealed to %s are not those that the manifest names", owner->name);
}

sw_status sw_walk_metrics(sw_walk *w, sw_error *err) {
    size_t here = 0;
    for (size_t i = 0; i < w->in->metrics_count; i++) {
        if (w->in->metrics_fds[i] < 0) continue;
        if (i >= w->sealed_metrics_count)
            return sw_fail(err, SW_UNAUTHENTIC, "manifest",
                           "there are sealed metrics that the manifest does not name");
        SW_TRY(check_metrics(w, w->in->metrics_fds[i], &w->sealed_metrics[i], err));
        here++;
    }
    if (here)
        sw_walk_holds(w, "metrics", "%zu of %zu sealed metrics are here, each for its owner alone",
                      here, w->sealed_metrics_count);
    return SW_OK;
}

/* ---- the opened folder ---- */

static const sw_manifest_file *find_file(const sw_walk *w, const char *name, sw_error *err) {
    for (size_t i = 0; i < w->in->model_count; i++)
        if (strcmp(w->in->model[i].name, name) == 0) return &w->in->model[i];
    (void)sw_fail(err, SW_MISSING, "model", "the opened folder has no %s", name);
    return NULL;
}

/* All files but model.sig, by name. */
static sw_status list_files(const sw_walk *w, const sw_manifest_file *signature,
                            sw_oms_listing *out, sw_error *err) {
    sw_manifest_file files[SW_OMS_FILE_LIMIT];
    if (w->in->model_count > SW_OMS_FILE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "an opened folder has at most %d files",
                       SW_OMS_FILE_LIMIT);
    size_t count = 0;
    for (size_t i = 0; i < w->in->model_count; i++)
        if (&w->in->model[i] != signature) files[count++] = w->in->model[i];
    return sw_oms_list_hashed(files, count, out, err);
}

static sw_status check_listed(const sw_json *o, const sw_oms_listing *listing, bool *seen,
                              sw_error *err) {
    static const char *const names[] = {"name", "sha256", "size", NULL};
    sw_bytes name;
    sw_hash digest;
    uint64_t size;
    SW_TRY(sw_json_expect(o, SW_MODEL_FACTS_NAME, names, err));
    SW_TRY(sw_json_text(o, SW_MODEL_FACTS_NAME, "name", &name, err));
    SW_TRY(sw_json_hash(o, SW_MODEL_FACTS_NAME, "sha256", &digest, err));
    SW_TRY(sw_json_u64(o, SW_MODEL_FACTS_NAME, "size", UINT64_MAX >> 11, &size, err));
    for (size_t i = 0; i < listing->count; i++)
        if (sw_bytes_is(name, listing->names[i]) && !seen[i]) {
            seen[i] = true;
            if (sw_hash_equal(&digest, &listing->digests[i]) && size == listing->sizes[i])
                return SW_OK;
            return sw_fail(err, SW_UNAUTHENTIC, "model", "%s is not the file that the run made",
                           listing->names[i]);
        }
    return broken(err, "a file that the run made is not in the opened folder");
}

/* Written where it is true, so that a folder far from its manifest says it; never otherwise. */
static sw_status check_simulated(const sw_walk *w, const sw_json *o, sw_error *err) {
    bool said = false, written = sw_json_member(o, "simulated") != NULL;
    if (written) SW_TRY(sw_json_flag(o, SW_MODEL_FACTS_NAME, "simulated", &said, err));
    if (said == written && said == w->verdict.simulated) return SW_OK;
    return broken(err, "its " SW_MODEL_FACTS_NAME " does not say whether it is simulated");
}

/* MAN-040: names exactly the folder's files, and this recipe; gives the salt. */
static sw_status check_facts(sw_walk *w, const sw_manifest_file *facts,
                             const sw_oms_listing *listing, sw_hash *salt, sw_error *err) {
    static const char *const names[] = {"compose_hash", "files",      "kind",
                                        "salt",         "?simulated", NULL};
    bool seen[SW_OMS_FILE_LIMIT] = {false};
    const char *where = SW_MODEL_FACTS_NAME;
    sw_json *o;
    const sw_json *list;
    sw_bytes kind;
    SW_TRY(sw_json_parse_canonical(&w->arena, facts->content, NULL, &o, err));
    SW_TRY(sw_json_expect(o, where, names, err));
    SW_TRY(sw_json_text(o, where, "kind", &kind, err));
    if (!sw_bytes_is(kind, "sealwright/model/v1"))
        return sw_fail(err, SW_MALFORMED, "model", "%s is of another kind", where);
    SW_TRY(sw_walk_same_hash(o, where, "compose_hash", &w->verdict.compose, err));
    SW_TRY(check_simulated(w, o, err));
    SW_TRY(sw_json_hash(o, where, "salt", salt, err));
    SW_TRY(sw_json_array(o, where, "files", SW_OMS_FILE_LIMIT, &list, err));
    for (const sw_json *f = list->first; f; f = f->next)
        SW_TRY(check_listed(f, listing, seen, err));
    for (size_t i = 0; i < listing->count; i++)
        if (!seen[i] && strcmp(listing->names[i], where) != 0)
            return sw_fail(err, SW_UNAUTHENTIC, "model", "%s is no file that the run made",
                           listing->names[i]);
    return SW_OK;
}

/* MAN-023: of a model that is the run's. What is not plain to read, or long, is counted and not
 * shown. */
static sw_status hold_claims(sw_walk *w, sw_error *err) {
    const sw_manifest_file *file = NULL;
    for (size_t i = 0; i < w->in->model_count; i++)
        if (strcmp(w->in->model[i].name, SW_MANIFEST_CLAIMS_NAME) == 0) file = &w->in->model[i];
    if (w->claims_named != (file != NULL) ||
        (file != NULL && !sw_manifest_are_claims(file->content)))
        return broken(err, "its " SW_MANIFEST_CLAIMS_NAME " is not what the manifest says");
    if (file == NULL) return SW_OK;
    if (file->content.size <= SHOWN_CLAIMS && sw_recipe_is_plain_text(file->content)) {
        sw_walk_holds(w, "claims", "by the script itself, UNPROVEN: %.*s", (int)file->content.size,
                      (const char *)file->content.data);
    } else {
        sw_walk_holds(w, "claims",
                      "by the script itself, UNPROVEN: %zu bytes in the model's "
                      "%s, not shown here",
                      file->content.size, SW_MANIFEST_CLAIMS_NAME);
    }
    return SW_OK;
}

sw_status sw_walk_model(sw_walk *w, sw_error *err) {
    if (!w->in->model) return SW_OK;
    const sw_manifest_file *facts = find_file(w, SW_MODEL_FACTS_NAME, err);
    const sw_manifest_file *signature = facts ? find_file(w, SW_MODEL_SIGNATURE_NAME, err) : NULL;
    if (!facts || !signature) return SW_MISSING;
    sw_hash salt, root, commitment;
    sw_oms_listing listing;
    SW_TRY(list_files(w, signature, &listing, err));
    SW_TRY(check_facts(w, facts, &listing, &salt, err));
    sw_oms_listing_root(&listing, &root);
    sw_model_commitment(&commitment, &salt, &root);
    if (!sw_hash_equal(&commitment, &w->model_commitment))
        return broken(err, "these files are not the model that the manifest commits to");
    SW_TRY(sw_oms_check(signature->content, w->recipe->name, &listing, &w->machine, err));
    w->verdict.model_compared = true;
    sw_walk_holds(
        w, "model",
        "%zu files open the manifest's commitment; model.sig holds under the machine's key",
        listing.count);
    return w->recipe->native ? SW_OK : hold_claims(w, err);
}

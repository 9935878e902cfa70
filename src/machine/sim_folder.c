/* SPDX-License-Identifier: Apache-2.0
 *
 * The software machine's folder: sim.json, keys, published files, and the policy that names this
 * machine. docs/formats/evidence.md, EVD-090 on.
 */
#include "codec/text.h"
#include "crypto/x509.h"
#include "machine/sim_internal.h"
#include "sys/files.h"

#include <stdio.h>
#include <string.h>

#define SIM_KIND   "sealwright/sim/v1"
#define PATH_BYTES 4096

/* ---- files ---- */
static sw_status path_of(char out[PATH_BYTES], const char *folder, const char *name,
                         sw_error *err) {
    int size = snprintf(out, PATH_BYTES, "%s/%s", folder, name);
    if (size < 0 || size >= PATH_BYTES)
        return sw_fail(err, SW_LIMIT, "limit", "the machine's folder has too long a name");
    return SW_OK;
}

sw_status sw_sim_file_put(const char *folder, const char *name, sw_bytes content, mode_t mode,
                          sw_error *err) {
    char path[PATH_BYTES];
    SW_TRY(path_of(path, folder, name, err));
    return sw_file_write(path, content, mode, SW_WRITE_NEW, err);
}

sw_status sw_sim_public_put(const char *folder, const char *name, const sw_buffer *content,
                            sw_error *err) {
    SW_TRY(sw_buffer_check(content, name, err));
    return sw_sim_file_put(folder, name, sw_buffer_bytes(content), 0644, err);
}

sw_status sw_sim_read(sw_arena *a, const char *folder, const char *name, sw_bytes *out,
                      sw_error *err) {
    char path[PATH_BYTES];
    SW_SCOPED(sw_buffer) content = SW_BUFFER(SW_SIM_FILE_LIMIT);
    SW_TRY(path_of(path, folder, name, err));
    SW_TRY(sw_file_read(path, SW_SIM_FILE_LIMIT, &content, err));
    *out = sw_arena_copy(a, sw_buffer_bytes(&content));
    if (out->data == NULL)
        return sw_fail(err, SW_MALFORMED, "format", "%s of the machine's folder is empty", name);
    return SW_OK;
}

sw_status sw_sim_key_read(const char *folder, const char *name, sw_sim_key *out, sw_error *err) {
    char path[PATH_BYTES];
    void *pem = NULL;
    size_t size = 0;
    SW_TRY(path_of(path, folder, name, err));
    SW_TRY(sw_file_read_secret(path, SW_SIM_FILE_LIMIT, &pem, &size, err));
    sw_status status = sw_pkcs8_decode(SW_BYTES(pem, size), (sw_bytes){0}, out->b, err);
    sw_secret_release(pem);
    return status;
}

/* ---- sim.json ---- */
static sw_status image_read(const sw_json *object, sw_image *out, sw_error *err) {
    static const char where[] = "sim.images[]";
    static const char *const names[] = {"mrtd", "name", "rtmr0", "rtmr1", "rtmr2", NULL};
    sw_bytes name;
    SW_TRY(sw_json_expect(object, where, names, err));
    SW_TRY(sw_json_text(object, where, "name", &name, err));
    if (name.size == 0 || name.size >= sizeof out->name)
        return sw_fail(err, SW_MALFORMED, "format", "an image's name has not 1 to 64 characters");
    memcpy(out->name, name.data, name.size);
    out->name[name.size] = 0;
    SW_TRY(sw_json_hex(object, where, "mrtd", out->mrtd, sizeof out->mrtd, err));
    for (size_t i = 0; i < 3; i++)
        SW_TRY(sw_json_hex(object, where, names[2 + i], out->rtmr[i], sizeof out->rtmr[i], err));
    return SW_OK;
}

static sw_status images_read(const sw_json *root, sw_sim_facts *facts, sw_error *err) {
    const sw_json *array;
    sw_bytes boot;
    SW_TRY(sw_json_text(root, "sim", "boot", &boot, err));
    SW_TRY(sw_json_array(root, "sim", "images", SW_IMAGE_LIMIT, &array, err));
    facts->boot_index = SW_IMAGE_LIMIT;
    for (const sw_json *item = array->first; item != NULL; item = item->next) {
        sw_image *image = &facts->images[facts->image_count];
        SW_TRY(image_read(item, image, err));
        if (sw_bytes_is(boot, image->name)) facts->boot_index = facts->image_count;
        facts->image_count++;
    }
    if (facts->boot_index == SW_IMAGE_LIMIT)
        return sw_fail(err, SW_MALFORMED, "format", "sim.boot names no image of the folder");
    return SW_OK;
}

static sw_status facts_parse(sw_arena *a, sw_bytes text, sw_sim_facts *out, sw_error *err) {
    static const char *const names[] = {"boot", "images", "instance_seed", "kind", "ppid", NULL};
    sw_json *root;
    sw_bytes kind;
    sw_sim_facts facts = {0};
    SW_TRY(sw_json_parse_canonical(a, text, NULL, &root, err));
    SW_TRY(sw_json_expect(root, "sim", names, err));
    SW_TRY(sw_json_text(root, "sim", "kind", &kind, err));
    if (!sw_bytes_is(kind, SIM_KIND))
        return sw_fail(err, SW_MALFORMED, "format", "sim.kind is not " SIM_KIND);
    SW_TRY(sw_json_hex(root, "sim", "ppid", facts.ppid, sizeof facts.ppid, err));
    SW_TRY(sw_json_hex(root, "sim", "instance_seed", facts.instance_seed,
                       sizeof facts.instance_seed, err));
    SW_TRY(images_read(root, &facts, err));
    *out = facts;
    return SW_OK;
}

sw_status sw_sim_facts_read(const char *folder, sw_sim_facts *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 8 * SW_SIM_FILE_LIMIT};
    sw_bytes text;
    sw_status status = sw_sim_read(&a, folder, "sim.json", &text, err);
    if (status == SW_MISSING) {
        (void)sw_fail(err, SW_MISSING, "missing", "%s is not a software machine", folder);
        sw_error_hint(err, "make one with: sealwright sim init DIR");
    }
    if (status != SW_OK) return status;
    status = facts_parse(&a, text, out, err);
    if (status != SW_OK) sw_error_prefix(err, "%s/sim.json", folder);
    return status;
}

static void image_put(sw_arena *a, sw_json *array, const sw_image *image) {
    static const char *const names[3] = {"rtmr0", "rtmr1", "rtmr2"};
    sw_json *object = sw_json_add_object(a, array, NULL);
    sw_json_add_text(a, object, "name", sw_text(image->name));
    sw_json_add_hex(a, object, "mrtd", SW_BYTES_OF(image->mrtd));
    for (size_t i = 0; i < 3; i++)
        sw_json_add_hex(a, object, names[i], SW_BYTES_OF(image->rtmr[i]));
}

sw_status sw_sim_facts_write(const char *folder, const sw_sim_facts *facts, bool replace,
                             sw_error *err) {
    char path[PATH_BYTES];
    SW_SCOPED(sw_arena) a = {.limit_bytes = SW_SIM_FILE_LIMIT};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(SW_SIM_FILE_LIMIT);
    sw_json *root = sw_json_make(&a, SW_JSON_OBJECT);
    sw_json_add_text(&a, root, "kind", SW_LITERAL(SIM_KIND));
    sw_json_add_text(&a, root, "boot", sw_text(facts->images[facts->boot_index].name));
    sw_json_add_hex(&a, root, "ppid", SW_BYTES_OF(facts->ppid));
    sw_json_add_hex(&a, root, "instance_seed", SW_BYTES_OF(facts->instance_seed));
    sw_json *images = sw_json_add_array(&a, root, "images");
    for (size_t i = 0; i < facts->image_count; i++) image_put(&a, images, &facts->images[i]);
    sw_json_encode(&text, root);
    SW_TRY(sw_buffer_check(&text, "sim.json", err));
    SW_TRY(path_of(path, folder, "sim.json", err));
    return sw_file_write(path, sw_buffer_bytes(&text), 0600,
                         replace ? SW_WRITE_REPLACE : SW_WRITE_NEW, err);
}

/* ---- images ---- */
sw_status sw_sim_image_make(const char *name, const sw_entropy *e, sw_image *out, sw_error *err) {
    sw_image image = {0};
    size_t size = strlen(name);
    if (size == 0 || size >= sizeof image.name ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != size)
        return sw_fail(err, SW_USAGE, "usage",
                       "an image is named with 1 to 64 of A-Z a-z 0-9 . _ -");
    memcpy(image.name, name, size);
    SW_TRY(sw_entropy_fill(e, image.mrtd, sizeof image.mrtd, err));
    SW_TRY(sw_entropy_fill(e, image.rtmr, sizeof image.rtmr, err));
    *out = image;
    return SW_OK;
}

sw_status sw_sim_add_image(const char *folder, const char *name, bool boot, const sw_entropy *e,
                           sw_error *err) {
    sw_sim_facts facts;
    SW_TRY(sw_sim_facts_read(folder, &facts, err));
    for (size_t i = 0; i < facts.image_count; i++)
        if (strcmp(facts.images[i].name, name) == 0)
            return sw_fail(err, SW_EXISTS, "exists", "the machine has an image %s already", name);
    if (facts.image_count == SW_IMAGE_LIMIT)
        return sw_fail(err, SW_LIMIT, "limit", "the machine has %d images already", SW_IMAGE_LIMIT);
    SW_TRY(sw_sim_image_make(name, e, &facts.images[facts.image_count], err));
    if (boot) facts.boot_index = facts.image_count;
    facts.image_count++;
    return sw_sim_facts_write(folder, &facts, true, err);
}

/* ---- the policy that names this machine ---- */
typedef struct last_certificate {
    sw_hash digest;
} last_certificate;

static sw_status note_digest(void *context, sw_bytes der, sw_error *err) {
    (void)err;
    sw_sha256(&((last_certificate *)context)->digest, der);
    return SW_OK;
}

sw_status sw_sim_policy(const char *folder, sw_policy *out, sw_error *err) {
    SW_SCOPED(sw_arena) a = {.limit_bytes = 2 * SW_SIM_FILE_LIMIT};
    sw_sim_facts facts;
    sw_bytes chain;
    last_certificate root;
    SW_TRY(sw_sim_facts_read(folder, &facts, err));
    SW_TRY(sw_sim_read(&a, folder, "pck_chain.pem", &chain, err));
    SW_TRY(sw_pem_decode(chain, "CERTIFICATE", 3, note_digest, &root, err));
    sw_policy p = {.platform = SW_PLATFORM_SIM,
                   .anchor_count = 1,
                   .image_count = 1,
                   .device_count = 1,
                   .minimum_evaluation_number = sw_sim_platform.evaluation_number,
                   .up_to_date_only = true};
    p.anchors[0] = root.digest;
    p.images[0] = facts.images[facts.boot_index];
    sw_sha256(&p.devices[0], SW_BYTES_OF(facts.ppid));
    SW_TRY(sw_sim_gpu_policy(folder, &p.gpu, err));
    SW_TRY(sw_policy_complete(&p, err));
    *out = p;
    return SW_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The GPUs of a recipe in plain words: how many, which, and what each word that lets more in costs.
 * docs/formats/gpu-policy.md, GPU-208.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

static void put_root(sw_buffer *out, const char *what, const sw_hash *root) {
    sw_put_format(out, "    root of %s ", what);
    sw_hex_encode(out, SW_BYTES_OF(root->b));
    sw_put_text(out, "\n");
}

static void put_devices(sw_buffer *out, const sw_gpu_policy *p) {
    if (p->any_device) {
        sw_put_text(out, "    GPU devices: ANY. Every genuine GPU under this root will do, also one"
                         " that an attacker owns;\n"
                         "    what that costs: the signing key of one GPU anywhere, once taken out,"
                         " stands for yours.\n");
        return;
    }
    sw_put_format(out, "    GPU devices: %zu named by serial and no other\n", p->device_count);
    for (size_t i = 0; i < p->device_count; i++) {
        sw_put_text(out, "      serial ");
        sw_hex_encode(out, SW_BYTES(p->devices[i].b, p->devices[i].size));
        sw_put_text(out, "\n");
    }
}

static void put_drivers(sw_buffer *out, const sw_gpu_policy *p) {
    if (p->any_driver) {
        sw_put_text(out, "    GPU drivers: ANY for which a signed manifest exists;\n"
                         "    what that costs: an old driver with known holes will do.\n");
        return;
    }
    sw_put_text(out, "    GPU drivers:");
    for (size_t i = 0; i < p->driver_count; i++)
        sw_put_format(out, "%s %s", i == 0 ? "" : ",", p->drivers[i]);
    sw_put_text(out, " and no other\n");
}

static void put_ages(sw_buffer *out, const sw_gpu_policy *p) {
    sw_put_text(out, "    OCSP answers at most ");
    sw_recipe_put_duration(out, (uint64_t)sw_gpu_ocsp_max_age_ms(p));
    sw_put_text(out, " old, manifests of signers certified at most ");
    sw_recipe_put_duration(out, (uint64_t)sw_gpu_rim_max_age_ms(p));
    sw_put_text(out, " ago\n");
}

void sw_recipe_put_gpus(sw_buffer *out, const sw_policy *policy) {
    const sw_gpu_policy *p = &policy->gpu;
    if (p->count == 0) {
        sw_put_text(out, "  GPUs: none\n");
        return;
    }
    sw_put_format(out, "  GPUs: %u, each attested, no more and no fewer\n", p->count);
    put_root(out, "GPUs     ", &p->device_root);
    put_root(out, "manifests", &p->rim_root);
    put_devices(out, p);
    put_drivers(out, p);
    sw_put_text(out, "    revocation: required; a GPU or a manifest without a fresh answer is"
                     " refused\n");
    put_ages(out, p);
    sw_put_text(out, "    What GPU evidence does not say: that the GPU sits in this machine. The"
                     " measured driver's own\n"
                     "    session with it does that, and the image above is what loads that"
                     " driver.\n");
}

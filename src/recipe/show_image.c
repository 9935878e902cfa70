/* SPDX-License-Identifier: Apache-2.0
 *
 * The images of a recipe in plain words: whole measurements, and of an image named by its hash what
 * that fixes and what is left to the host. docs/formats/recipe.md, RCP-096; evidence.md, EVD-124.
 */
#include "codec/text.h"
#include "recipe/recipe_internal.h"

static void put_acpi(sw_buffer *out, const sw_image *image) {
    static const char *const names[SW_ACPI_COUNT] = {"loader", "RSDP  ", "tables"};
    if (image->any_acpi) {
        sw_put_text(out, "    ACPI tables: ANY. They are the host's, and they hold code that the"
                         " guest's kernel runs, with the\n"
                         "    kernel's rights; the OS image hash says nothing about them;\n"
                         "    what that costs: a host that means harm writes such code, and it can"
                         " read every row.\n");
        return;
    }
    sw_put_format(out, "    ACPI tables: %zu named and no other\n", image->acpi_count);
    for (size_t i = 0; i < image->acpi_count; i++)
        for (size_t k = 0; k < SW_ACPI_COUNT; k++) {
            sw_put_format(out, "      %s ", names[k]);
            sw_hex_encode(out, SW_BYTES_OF(image->acpi[i][k]));
            sw_put_text(out, "\n");
        }
}

static void put_memory(sw_buffer *out, const sw_image *image) {
    if (image->any_memory) {
        sw_put_text(out, "    memory: ANY size; the host chooses it\n");
        return;
    }
    sw_put_text(out, "    memory:");
    for (size_t i = 0; i < image->memory_count; i++) {
        sw_put_text(out, i == 0 ? " " : ", ");
        sw_recipe_put_size(out, image->memory_bytes[i]);
    }
    sw_put_text(out, " and no other\n");
}

static void put_hash_image(sw_buffer *out, const sw_image *image) {
    sw_put_text(out, "    OS image hash ");
    sw_hex_encode(out, SW_BYTES_OF(image->os_image.b));
    sw_put_text(out, "\n    It fixes firmware, kernel, initrd and the kernel's command line: MRTD,"
                     " RTMR1 and RTMR2, and RTMR0 but\n"
                     "    for memory size and ACPI tables, which are the host's.\n");
    put_acpi(out, image);
    put_memory(out, image);
}

static void put_registers(sw_buffer *out, const sw_image *image) {
    sw_put_text(out, "    MRTD  ");
    sw_hex_encode(out, SW_BYTES_OF(image->mrtd));
    for (int i = 0; i < 3; i++) {
        sw_put_format(out, "\n    RTMR%d ", i);
        sw_hex_encode(out, SW_BYTES_OF(image->rtmr[i]));
    }
    sw_put_text(out, "\n");
}

/* Whole measurements: what is cut off is what another image would differ in. */
void sw_recipe_put_image(sw_buffer *out, const sw_image *image) {
    sw_put_format(out, "  image %s\n", image->name);
    if (image->by_hash)
        put_hash_image(out, image);
    else
        put_registers(out, image);
    if (image->answers_cpuid)
        sw_put_text(out,
                    "    It is SAID to answer CPUID's hypervisor leaves itself, for programs; no"
                    " measurement says so. Check that\n"
                    "    its kernel is built from a source that does, and that the build gives"
                    " this image: docs/image-for-commands.md\n");
}

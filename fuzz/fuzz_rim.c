/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests: what the reader takes lies in the input, element inside element; a canonical form is
 * its own canonical form; nothing is verified that cannot be explained, and nothing of an unknown
 * root is verified. Under the root that stands in it signatures and content are reached.
 */
#include "attest/rim_internal.h"
#include "fuzz.h"

#define LIMIT  (8 * SW_RIM_LIMIT)
#define NOW_MS (INT64_C(1790000000) * 1000) /* inside the corpus's windows */

static void check_table(const sw_rim_xml *xml) {
    for (size_t i = 0; i < xml->element_count; i++) {
        const sw_rim_element *e = &xml->elements[i];
        FUZZ_REQUIRE(e->start < e->content && e->content <= e->content_end);
        FUZZ_REQUIRE(e->content_end <= e->end && e->end <= xml->text.size);
        FUZZ_REQUIRE(e->behind > i && e->behind <= xml->element_count);
        FUZZ_REQUIRE(e->depth < SW_RIM_DEPTH_LIMIT);
        FUZZ_REQUIRE(e->first_attribute + e->attribute_count <= xml->attribute_count);
        if (i == 0) {
            FUZZ_REQUIRE(e->parent == SW_RIM_NOWHERE);
            continue;
        }
        const sw_rim_element *parent = &xml->elements[e->parent];
        FUZZ_REQUIRE(e->parent < i && e->behind <= parent->behind);
        FUZZ_REQUIRE(parent->content <= e->start && e->end <= parent->content_end);
    }
}

static void check_canonical(const sw_rim_xml *xml) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) once = SW_BUFFER(LIMIT);
    SW_SCOPED(sw_buffer) twice = SW_BUFFER(LIMIT);
    sw_rim_xml again;
    sw_rim_canonical_put(&once, xml, 0, SW_RIM_NOWHERE);
    FUZZ_REQUIRE(!once.failed && once.size <= SW_RIM_CANONICAL_LIMIT);
    if (once.size > SW_RIM_LIMIT) return;
    FUZZ_REQUIRE(sw_rim_xml_parse(&a, sw_buffer_bytes(&once), &again, NULL) == SW_OK);
    FUZZ_REQUIRE(again.element_count == xml->element_count);
    sw_rim_canonical_put(&twice, &again, 0, SW_RIM_NOWHERE);
    FUZZ_REQUIRE(sw_bytes_equal(sw_buffer_bytes(&once), sw_buffer_bytes(&twice)));
}

static void judge_by_own(sw_bytes input) {
    SW_SCOPED(sw_rim_reading) reading = {0};
    SW_SCOPED(sw_rim) read = {0};
    SW_SCOPED(sw_rim) rim = {0};
    sw_hash root;
    if (sw_rim_read(input, &read, &reading, NULL) != SW_OK) return;
    sw_sha256(&root, sw_cert_der(read.chain[read.chain_count - 1]));
    if (sw_rim_verify(input, &root, NOW_MS, &rim, NULL) != SW_OK) return;
    FUZZ_REQUIRE(sw_rim_same_chain(&read, &rim));
    FUZZ_REQUIRE(rim.valid_from_ms <= NOW_MS && NOW_MS < rim.valid_until_ms);
    FUZZ_REQUIRE(rim.signer_from_ms <= rim.valid_from_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SW_SCOPED(sw_arena) a = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(LIMIT);
    SW_SCOPED(sw_rim) rim = {0};
    sw_bytes input = SW_BYTES(data, size);
    sw_rim_xml xml;
    sw_hash nobody = {{0}};
    FUZZ_REQUIRE(sw_rim_verify(input, &nobody, 0, &rim, NULL) != SW_OK);
    if (sw_rim_xml_parse(&a, input, &xml, NULL) != SW_OK) {
        FUZZ_REQUIRE(sw_rim_explain(input, &text, NULL) != SW_OK);
        return 0;
    }
    check_table(&xml);
    check_canonical(&xml);
    judge_by_own(input);
    if (sw_rim_explain(input, &text, NULL) != SW_OK) return 0;
    FUZZ_REQUIRE(sw_rim_canonical(input, &text, &text, NULL) == SW_OK);
    return 0;
}

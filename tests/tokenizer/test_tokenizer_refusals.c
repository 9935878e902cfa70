/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tokenizer.json must not hold: each line changes one thing in a file that opens. Every cut
 * and every flipped bit is refused or opens to something that can be used.
 */
#include "tokenizer/files.h"

#define BASE                                                                                       \
    "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[{\"id\":0,"       \
    "\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,"                 \
    "\"normalized\":false,\"special\":true},{\"id\":6,\"content\":\"<x>\",\"single_word\":true,"   \
    "\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":false}],"                   \
    "\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"Sequence\","                  \
    "\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true},{\"type\":\"Split\","     \
    "\"pattern\":{\"Regex\":\"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| ?\\\\p{N}+| "                   \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"},\"behavior\":\"Isolated\","              \
    "\"invert\":false},{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"                        \
    "\"trim_offsets\":true,\"use_regex\":false}]},\"post_processor\":{\"type\":"                   \
    "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},"        \
    "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],\"special_tokens\":{\"<s>\":"        \
    "{\"id\":\"<s>\",\"ids\":[0],\"tokens\":[\"<s>\"]}}},\"decoder\":{\"type\":\"ByteLevel\"},"    \
    "\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":\"<s>\","                          \
    "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":\"\",\"fuse_unk\":false,"           \
    "\"byte_fallback\":false,\"ignore_merges\":true,\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2,"         \
    "\"ab\":3,\"c\":4,\"abc\":5},\"merges\":[\"a b\",[\"ab\",\"c\"]]}}"

typedef struct change {
    const char *from, *to;
    sw_status status;
    const char *says; /* in the message */
} change;

static const change changes[] = {
    /* the file */
    {"{\"version\"", "{\"surplus\":1,\"version\"", SW_MALFORMED, "surplus"},
    {"\"truncation\":null", "\"truncation\":{}", SW_REFUSED, "truncation"},
    {"\"padding\":null", "\"padding\":{\"strategy\":1}", SW_REFUSED, "padding"},
    {"\"added_tokens\":[{", "\"added_tokens\":{\"a\":[{", SW_MALFORMED, ""},
    {"\"decoder\":{\"type\":\"ByteLevel\"},", "", SW_MALFORMED, "decoder"},
    /* stages that are not known */
    {"{\"type\":\"NFC\"}", "{\"type\":\"NFKC\"}", SW_REFUSED, "normalizer NFKC"},
    {"{\"type\":\"NFC\"}", "{\"type\":\"Lowercase\"}", SW_REFUSED, "normalizer Lowercase"},
    {"{\"type\":\"NFC\"}", "{\"type\":\"NFC\",\"x\":1}", SW_MALFORMED, "normalizer.x"},
    {"{\"type\":\"NFC\"}", "{}", SW_REFUSED, "normalizer"},
    {"{\"type\":\"NFC\"}", "\"NFC\"", SW_REFUSED, "normalizer"},
    {"\"type\":\"Digits\"", "\"type\":\"Metaspace\"", SW_REFUSED, "pre_tokenizer Metaspace"},
    {"\"type\":\"Digits\"", "\"type\":\"ByteLevel\"", SW_REFUSED, "ByteLevel before its end"},
    {"\"individual_digits\":true", "\"individual_digits\":1", SW_MALFORMED, "individual_digits"},
    {"\"type\":\"Sequence\"", "\"type\":\"BertPreTokenizer\"", SW_REFUSED, "BertPreTokenizer"},
    {"Isolated", "Removed", SW_REFUSED, "Isolated"},
    {"\"invert\":false", "\"invert\":true", SW_REFUSED, "invert"},
    {"\"Regex\"", "\"String\"", SW_REFUSED, "Regex"},
    {"|'ve", "|'vf", SW_REFUSED, "this Regex"},
    {"{L}+", "{L}*", SW_REFUSED, "this Regex"},
    {"\"add_prefix_space\":false", "\"add_prefix_space\":true", SW_REFUSED, "add_prefix_space"},
    {"{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
     "\"use_regex\":false}",
     "{\"type\":\"Digits\",\"individual_digits\":true}", SW_REFUSED, "Digits"},
    {"[{\"type\":\"Digits\",\"individual_digits\":true},",
     "[{\"type\":\"Digits\",\"individual_digits\":true},{\"type\":\"Digits\","
     "\"individual_digits\":true},{\"type\":\"Digits\",\"individual_digits\":true},",
     SW_LIMIT, "pretokenizers"},
    {"TemplateProcessing", "BertProcessing", SW_REFUSED, "post_processor BertProcessing"},
    {"{\"id\":\"A\",", "{\"id\":\"B\",", SW_REFUSED, "$A"},
    {"{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}",
     "{\"Sequence\":{\"id\":\"A\"}},"
     "{\"Sequence\":{\"id\":\"A\"}}",
     SW_REFUSED, "$A"},
    {",{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}", "", SW_REFUSED, "$A"},
    {"{\"SpecialToken\":{\"id\":\"<s>\"", "{\"SpecialToken\":{\"id\":\"<t>\"", SW_MALFORMED,
     "post_processor"},
    {"\"ids\":[0]", "\"ids\":[9]", SW_MALFORMED, "post_processor"},
    {"\"ids\":[0]", "\"ids\":[-1]", SW_MALFORMED, "post_processor"},
    {"\"ids\":[0]", "\"ids\":[0,0,0,0,0,0,0,0,0]", SW_LIMIT, "ids"},
    {"\"decoder\":{\"type\":\"ByteLevel\"}", "\"decoder\":{\"type\":\"WordPiece\"}", SW_REFUSED,
     "decoder WordPiece"},
    {"\"decoder\":{\"type\":\"ByteLevel\"}", "\"decoder\":null", SW_REFUSED, "decoder"},
    /* the model */
    {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", SW_REFUSED, "BPE"},
    {"\"dropout\":null", "\"dropout\":0.1", SW_REFUSED, "dropout"},
    {"\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"", SW_REFUSED,
     "continuing_subword_prefix"},
    {"\"end_of_word_suffix\":\"\"", "\"end_of_word_suffix\":\"</w>\"", SW_REFUSED,
     "end_of_word_suffix"},
    {"\"byte_fallback\":false", "\"byte_fallback\":true", SW_REFUSED,
     "ignore_merges with byte_fallback"},
    {"\"byte_fallback\":false", "\"byte_fallback\":1", SW_MALFORMED, "byte_fallback"},
    {"\"fuse_unk\":false", "\"fuse_unk\":0", SW_MALFORMED, "fuse_unk"},
    {"\"unk_token\":\"<s>\"", "\"unk_token\":\"<u>\"", SW_MALFORMED, "unk_token"},
    {"\"fuse_unk\"", "\"x\":0,\"fuse_unk\"", SW_MALFORMED, "model.x"},
    {"\"abc\":5", "\"abc\":6", SW_MALFORMED, "0 to 5"},
    {"\"abc\":5", "\"abc\":4", SW_MALFORMED, "id 4"},
    {"\"abc\":5", "\"abc\":5.5", SW_MALFORMED, "0 to 5"},
    {"\"abc\":5", "\"abc\":\"5\"", SW_MALFORMED, "0 to 5"},
    {"\"abc\":5", "\"abc\":-5", SW_MALFORMED, "0 to 5"},
    {"\"abc\":5", "\"a\":5", SW_MALFORMED, ""},
    {"\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2,\"ab\":3,\"c\":4,\"abc\":5}", "\"vocab\":{}", SW_LIMIT,
     "0 tokens"},
    {"\"vocab\"", "\"words\"", SW_MALFORMED, ""},
    {"\"a b\"", "\"ab\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"a b c\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"a  b\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\" a\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "1", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"b a\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"a d\"", SW_MALFORMED, "merge 0"},
    {"\"a b\"", "\"ab c\"", SW_MALFORMED, "merge 1"},
    {"[\"ab\",\"c\"]", "[\"ab\"]", SW_MALFORMED, "merge 1"},
    {"[\"ab\",\"c\"]", "[\"ab\",\"c\",\"c\"]", SW_MALFORMED, "merge 1"},
    {"[\"ab\",\"c\"]", "[\"ab\",1]", SW_MALFORMED, "merge 1"},
    {"[\"ab\",\"c\"]", "[\"ab\",\"\"]", SW_MALFORMED, "merge 1"},
    /* added tokens */
    {"{\"id\":6", "{\"id\":7", SW_MALFORMED, "id 6"},
    {"{\"id\":0", "{\"id\":1", SW_MALFORMED, "id 0"},
    {"\"content\":\"<x>\"", "\"content\":\"\"", SW_MALFORMED, "0 bytes"},
    {"\"id\":6,\"content\":\"<x>\"", "\"id\":0,\"content\":\"<s>\"", SW_MALFORMED, "twice"},
    {"\"lstrip\":false,", "", SW_MALFORMED, "lstrip"},
    {"\"special\":true", "\"special\":1", SW_MALFORMED, "special"},
    {"\"id\":6", "\"id\":6,\"more\":1", SW_MALFORMED, "more"},
};

/* Of golden/llama2.json: marks from the normaliser. */
static const change normalised_changes[] = {
    {"\"ignore_merges\":false", "\"ignore_merges\":true", SW_REFUSED, "ignore_merges"},
    {"\"<0x00>\"", "\"<0x0>\"", SW_REFUSED, "a token for every byte"},
    {"\"<0xAB>\"", "\"<0xab>\"", SW_REFUSED, "a token for every byte"},
    {"\"type\":\"Prepend\"", "\"type\":\"Strip\"", SW_REFUSED, "normalizer Strip"},
    {"\"prepend\":\"\xe2\x96\x81\"", "\"prepend\":\"_\"", SW_REFUSED, "normalizer with another"},
    {"\"prepend\":\"\xe2\x96\x81\"", "\"prepend\":1", SW_MALFORMED, "prepend"},
    {"\"prepend\":\"", "\"x\":1,\"prepend\":\"", SW_MALFORMED, "normalizer.x"},
    {"{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},", "", SW_REFUSED, "this length"},
    {"\"type\":\"Replace\"", "\"type\":\"NFC\"", SW_REFUSED, "normalizer NFC"},
    {"{\"String\":\" \"}", "{\"Regex\":\" \"}", SW_REFUSED, "than a String"},
    {"{\"String\":\" \"}", "{\"String\":\"  \"}", SW_REFUSED, "normalizer with another"},
    {"\"content\":\"\xe2\x96\x81\"", "\"content\":\"_\"", SW_REFUSED, "normalizer with another"},
    {"\"normalizer\":{\"type\":\"Sequence\"", "\"normalizer\":{\"type\":\"NFC\"", SW_REFUSED,
     "normalizer NFC"},
    {"\"pre_tokenizer\":null",
     "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\","
     "\"prepend_scheme\":\"never\",\"split\":true}",
     SW_REFUSED, "behind a normalizer"},
    {"\"pre_tokenizer\":null",
     "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", SW_REFUSED,
     "pre_tokenizer ByteLevel"},
    {"\"type\":\"ByteFallback\"", "\"type\":\"ByteLevel\"", SW_REFUSED, "decoder ByteLevel"},
    {"\"type\":\"Fuse\"", "\"type\":\"Fuse\",\"x\":1", SW_MALFORMED, "decoder.x"},
    {"\"type\":\"Fuse\"", "\"type\":\"Strip\"", SW_REFUSED, "decoder Strip"},
    {",{\"type\":\"Fuse\"}", "", SW_REFUSED, "this length"},
    {",{\"type\":\"Fuse\"}", ",{\"type\":\"Fuse\"},{\"type\":\"Fuse\"}", SW_LIMIT, "decoders"},
    {"\"start\":1", "\"start\":2", SW_REFUSED, "these lengths"},
    {"\"stop\":0", "\"stop\":1", SW_REFUSED, "these lengths"},
    {"\"stop\":0", "\"stop\":-1", SW_MALFORMED, "stop"},
    {"\"content\":\" \",\"start\"", "\"content\":\"_\",\"start\"", SW_REFUSED,
     "decoder with another"},
};

/* Of golden/never.json: marks from Metaspace. */
static const change metaspace_changes[] = {
    {"\"byte_fallback\":true", "\"byte_fallback\":false", SW_REFUSED, "pre_tokenizer Metaspace"},
    {"\"replacement\":\"\xe2\x96\x81\"", "\"replacement\":\"_\"", SW_REFUSED,
     "pre_tokenizer with another"},
    {"\"prepend_scheme\":\"never\"", "\"prepend_scheme\":\"last\"", SW_REFUSED, "prepend_scheme"},
    {"\"prepend_scheme\":\"never\",", "", SW_MALFORMED, "prepend_scheme"},
    {"\"split\":true", "\"split\":null", SW_MALFORMED, "split"},
    {"\"split\":true", "\"split\":true,\"add_prefix_space\":true", SW_MALFORMED,
     "add_prefix_space"},
    {"\"pre_tokenizer\":{\"type\":\"Metaspace\"", "\"pre_tokenizer\":{\"type\":\"Whitespace\"",
     SW_REFUSED, "pre_tokenizer Whitespace"},
    {"\"decoder\":{\"type\":\"Metaspace\"", "\"decoder\":{\"type\":\"BPEDecoder\"", SW_REFUSED,
     "decoder BPEDecoder"},
    {"\"normalizer\":null", "\"normalizer\":{\"type\":\"NFC\"}", SW_REFUSED, "normalizer NFC"},
    {"\"unk_token\":\"<unk>\"", "\"unk_token\":\"<u>\"", SW_MALFORMED, "unk_token"},
};

static void refuse_changes(sw_bytes base, const change *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        SW_SCOPED(sw_arena) arena = {0};
        sw_tokenizer *t = NULL;
        sw_error err = {0};
        sw_bytes file = replace(&arena, base, list[i].from, list[i].to);
        sw_status status = sw_tokenizer_open(file, &t, &err);
        if (status != list[i].status || strstr(err.message, list[i].says) == NULL)
            fail_msg("%s -> %s: status %d, %s", list[i].from, list[i].to, status, err.message);
        assert_null(t);
    }
}

static void every_change_is_refused(void **state) {
    (void)state;
    SW_SCOPED(sw_arena) arena = {0};
    refuse_changes(SW_LITERAL(BASE), changes, COUNT(changes));
    refuse_changes(read_golden(&arena, "tokenizer", "llama2.json"), normalised_changes,
                   COUNT(normalised_changes));
    refuse_changes(read_golden(&arena, "tokenizer", "never.json"), metaspace_changes,
                   COUNT(metaspace_changes));
}

#define TEMPLATE                                                                                   \
    "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},"                  \
    "{\"SpecialToken\":{\"id\":\"<s>\"}}],\"pair\":[],\"special_tokens\":{\"<s>\":{\"ids\":[0]}}}"

static void one_template_in_a_sequence_is_enough(void **state) {
    (void)state;
    static const struct {
        const char *list;
        sw_status status;
    } cases[] = {
        {"[]", SW_OK},
        {"[{\"type\":\"ByteLevel\"}," TEMPLATE "]", SW_OK},
        {"[" TEMPLATE "," TEMPLATE "]", SW_REFUSED},
        {"[" TEMPLATE ",{\"type\":\"RobertaProcessing\"}]", SW_REFUSED},
        {"[{\"type\":\"Sequence\",\"processors\":[]}]", SW_REFUSED},
        {"[{},{},{},{},{}]", SW_LIMIT},
        {"{}", SW_MALFORMED},
    };
    sw_bytes base = SW_LITERAL(BASE);
    const uint8_t *from = memmem(base.data, base.size, "{\"type\":\"Templ", 14);
    const uint8_t *to = memmem(base.data, base.size, ",\"decoder\"", 10);
    for (size_t i = 0; i < COUNT(cases); i++) {
        SW_SCOPED(sw_buffer) file = SW_BUFFER(1 << 14);
        sw_tokenizer *t = NULL;
        sw_put_bytes(&file, SW_BYTES(base.data, (size_t)(from - base.data)));
        sw_put_text(&file, "{\"type\":\"Sequence\",\"processors\":");
        sw_put_text(&file, cases[i].list);
        sw_put_u8(&file, '}');
        sw_put_bytes(&file, SW_BYTES(to, base.size - (size_t)(to - base.data)));
        assert_int_equal(sw_tokenizer_open(sw_buffer_bytes(&file), &t, NULL), cases[i].status);
        assert_true((t != NULL) == (cases[i].status == SW_OK));
        sw_tokenizer_close(&t);
    }
}

/* <s> is 0 and stands before every text; it is also what an unknown byte becomes. <x> is 6, but not
 * where it touches a word. */
static void the_base_opens_and_encodes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        uint32_t ids[12];
    } cases[] = {
        {"", 1, {0}},
        {"abc", 2, {0, 5}},
        {"abc?<x>?a?ab", 8, {0, 5, 0, 6, 0, 1, 0, 3}},
        {"a<x>?", 6, {0, 1, 0, 0, 0, 0}},
        {"?<x>a", 6, {0, 0, 0, 0, 0, 1}},
        {"<x>", 2, {0, 6}},
        {"cab<s>ab", 5, {0, 4, 3, 0, 3}},
    };
    sw_tokenizer *t = NULL;
    assert_int_equal(sw_tokenizer_open(SW_LITERAL(BASE), &t, NULL), SW_OK);
    assert_int_equal(sw_tokenizer_vocab(t), 7);
    for (size_t i = 0; i < COUNT(cases); i++) {
        sw_tokens tokens = {0};
        assert_int_equal(sw_tokenizer_encode(t, sw_text(cases[i].text), true, &tokens, NULL),
                         SW_OK);
        if (tokens.count != cases[i].count) fail_msg("%s: %zu ids", cases[i].text, tokens.count);
        assert_memory_equal(tokens.ids, cases[i].ids, tokens.count * sizeof *tokens.ids);
        sw_tokens_free(&tokens);
    }
    sw_tokenizer_close(&t);
}

/* Whatever opens can be used. */
static void exercise(sw_bytes file, size_t *opened, size_t *refused) {
    uint8_t *exact = malloc(file.size + 1);
    sw_tokenizer *t = NULL;
    sw_tokens tokens = {0};
    SW_SCOPED(sw_buffer) text = SW_BUFFER(1 << 12);
    if (file.size > 0) memcpy(exact, file.data, file.size);
    if (sw_tokenizer_open(SW_BYTES(exact, file.size), &t, NULL) == SW_OK) {
        ++*opened;
        free(exact);
        exact = NULL;
        assert_int_equal(
            sw_tokenizer_encode(t, SW_LITERAL("abc <x> 12 \xc3\xa9"), true, &tokens, NULL), SW_OK);
        assert_int_equal(sw_tokenizer_decode(t, tokens.ids, tokens.count, true, &text, NULL),
                         SW_OK);
        for (size_t i = 0; i < tokens.count; i++)
            assert_true(tokens.ids[i] < sw_tokenizer_vocab(t));
    } else {
        ++*refused;
        assert_null(t);
    }
    sw_tokens_free(&tokens);
    sw_tokenizer_close(&t);
    free(exact);
}

static void cut_extended_and_flipped(void **state) {
    (void)state;
    char base[] = BASE;
    size_t size = sizeof base - 1, opened = 0, refused = 0;
    for (size_t cut = 0; cut < size; cut++) exercise(SW_BYTES(base, cut), &opened, &refused);
    assert_int_equal(opened, 0);
    SW_SCOPED(sw_arena) arena = {0};
    exercise(replace(&arena, SW_LITERAL(BASE "!"), "!", "}"), &opened, &refused);
    assert_int_equal(opened, 0);
    for (size_t bit = 0; bit < size * 8; bit++) {
        base[bit / 8] = (char)(base[bit / 8] ^ 1 << bit % 8);
        exercise(SW_BYTES(base, size), &opened, &refused);
        base[bit / 8] = (char)(base[bit / 8] ^ 1 << bit % 8);
    }
    assert_true(refused > 9 * opened); /* what opens has another letter in a free text */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_base_opens_and_encodes),
                                       cmocka_unit_test(one_template_in_a_sequence_is_enough),
                                       cmocka_unit_test(every_change_is_refused),
                                       cmocka_unit_test(cut_extended_and_flipped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

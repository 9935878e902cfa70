/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json against the files beside it (MODEL-110 to MODEL-116): folders as they are
 * published pass, and what would make transformers cut some text otherwise is refused by name.
 */
#include "tokenizer/beside.h"
#include "tokenizer/files.h"

#define TOKEN(id, content, flags)                                                                  \
    "\"" id "\":{\"content\":\"" content "\",\"lstrip\":false,\"normalized\":false,"               \
    "\"rstrip\":false,\"single_word\":false,\"special\":" flags "}"
#define DECODER                                                                                    \
    "\"added_tokens_decoder\":{" TOKEN("0", "<unk>", "true") "," TOKEN(                            \
        "1", "<s>", "true") "," TOKEN("2", "</s>", "true") "}"
#define OBJECT(content)                                                                            \
    "{\"__type\":\"AddedToken\",\"content\":\"" content "\",\"lstrip\":false,"                     \
    "\"normalized\":true,\"rstrip\":false,\"single_word\":false}"
#define L(id, strip) "\"added_tokens_decoder\":{\"" id "\":{\"content\":\"<l>\"" strip "}}"

typedef struct folder {
    const char *tokenizer, *config, *map, *added, *says; /* NULL: nothing is said */
} folder;

static const folder folders[] = {
    /* as they are published: Llama 2, TinyLlama, Mistral, SmolLM2, Qwen2.5, and older ones */
    {"llama2",
     "{\"add_bos_token\":true,\"add_eos_token\":false,\"bos_token\":" OBJECT(
         "<s>") ",\"clean_up_tokenization_spaces\":false,\"eos_token\":" OBJECT("</s>") ",\"legacy"
                                                                                        "\":false,"
                                                                                        "\"pad_"
                                                                                        "token\":"
                                                                                        "null,"
                                                                                        "\"unk_"
                                                                                        "token\""
                                                                                        ":" OBJECT(
                                                                                            "<unk>") "}",
     "{\"bos_token\":{\"content\":\"<s>\",\"lstrip\":false},\"eos_token\":\"</s>\","
     "\"unk_token\":\"<unk>\"}",
     "", NULL},
    {"llama2", "{" DECODER ",\"bos_token\":\"<s>\",\"eos_token\":\"</s>\",\"pad_token\":\"</s>\"}",
     "{\"bos_token\":\"other\",\"pad_token\":\"[PAD]\"}", "{\"[PAD]\":481}", NULL},
    {"mistral",
     "{\"add_prefix_space\":true,\"additional_special_tokens\":[],\"bos_token\":\"<s>\","
     "\"eos_token\":\"</s>\",\"sp_model_kwargs\":{},\"unk_token\":\"<unk>\"," DECODER "}",
     "", "", NULL},
    {"llama2", "{\"add_prefix_space\":true,\"split_special_tokens\":false}", "", "", NULL},
    {"smollm",
     "{\"add_prefix_space\":false,\"additional_special_tokens\":[\"<|im_start|>\",\"<|im_end|>\"],"
     "\"bos_token\":\"<|im_start|>\",\"eos_token\":\"<|im_end|>\",\"pad_token\":\"<|im_end|>\","
     "\"unk_token\":\"<|endoftext|>\",\"model_max_length\":8192,\"vocab_size\":49152}",
     "{\"additional_special_tokens\":[\"<|im_start|>\",{\"content\":\"<|im_end|>\"}],"
     "\"bos_token\":\"<|im_start|>\",\"eos_token\":\"<|im_end|>\"}",
     "{\"<|endoftext|>\":0,\"<|im_end|>\":2}", NULL},
    {"smollm",
     "{\"bos_token\":null,\"eos_token\":\"<|im_end|>\",\"unk_token\":null,\"errors\":\"replace\","
     "\"extra_special_tokens\":{}}",
     "", "", NULL},
    {"added",
     "{\"tool_token\":\"<l>\",\"extra_special_tokens\":{\"a_token\":\"<r>\"}," L(
         "416", ",\"lstrip\":true") "}",
     "", "", NULL},
    {"smollm", "", "", "", NULL},
    {"smollm", "{\"fast_tokenizer_files\":[\"tokenizer.json\"],\"unk_token\":\"\"}", "", "", NULL},
    {"smollm", "[]", "[]", "[]", NULL},
    /* settings */
    {"smollm", "{\"split_special_tokens\":true}", "", "", "split_special_tokens would cut"},
    {"smollm", "{\"add_prefix_space\":true}", "", "", "add_prefix_space would put a space"},
    {"never", "{\"add_prefix_space\":true}", "", "", "add_prefix_space would put a space"},
    {"smollm", "{\"fast_tokenizer_files\":[\"tokenizer.json\",\"tokenizer.4.0.json\"]}", "", "",
     "fast_tokenizer_files names another"},
    /* added_tokens_decoder */
    {"llama2", "{\"added_tokens_decoder\":{" TOKEN("3", "<s>", "true") "}}", "", "",
     "has no added token <s> of the id 3"},
    {"llama2", "{\"added_tokens_decoder\":{" TOKEN("2", "<s>", "true") "}}", "", "",
     "has no added token <s> of the id 2"},
    {"llama2", "{\"added_tokens_decoder\":{" TOKEN("99999999999999999999", "<s>", "true") "}}", "",
     "", "of the id 99999999999999999999"},
    {"llama2", "{\"added_tokens_decoder\":{" TOKEN("", "<s>", "true") "}}", "", "",
     "has no added token"},
    {"llama2", "{\"added_tokens_decoder\":{\"1\":7}}", "", "", "has no added token"},
    {"llama2", "{\"added_tokens_decoder\":{" TOKEN("1", "<s>", "false") "}}", "", "", NULL},
    {"llama2",
     "{\"added_tokens_decoder\":{\"1\":{\"content\":\"<s>\",\"special\":true,"
     "\"normalized\":true}}}",
     "", "", "normalized of token 1 is not"},
    {"added", "{" L("416", "") "}", "", "", "lstrip of token 416 is not"},
    {"added", "{" L("416", ",\"lstrip\":true,\"rstrip\":true") "}", "", "", "rstrip of token 416"},
    {"added", "{" L("416", ",\"lstrip\":true,\"single_word\":true") "}", "", "", "single_word of"},
    /* tokens by name: no token at all, and one that is an entry of the vocabulary alone */
    {"smollm", "{\"pad_token\":\"[PAD]\"}", "", "", "config.json: pad_token is [PAD], which is no"},
    {"smollm", "{\"pad_token\":\"!\"}", "", "", "pad_token is !, which is no added token"},
    {"smollm", "{\"eos_token\":" OBJECT("</s>") "}", "", "", "eos_token is </s>"},
    {"smollm", "{\"image_token\":\"<i\\u0007>\"}", "", "", "image_token is <i?>"},
    {"smollm", "{\"additional_special_tokens\":[\"<|im_end|>\",\"<a>\"]}", "", "",
     "additional_special_tokens is <a>"},
    {"smollm", "{\"extra_special_tokens\":[" OBJECT("<b>") "]}", "", "", "special_tokens is <b>"},
    {"smollm", "{\"extra_special_tokens\":{\"c_token\":\"<c>\"}}", "", "", "special_tokens is <c>"},
    {"smollm", "{\"model_specific_special_tokens\":{\"d\":\"<d>\"}}", "", "", "is <d>"},
    /* files of older folders, which count without added_tokens_decoder */
    {"smollm", "{\"eos_token\":\"<|im_end|>\"}", "{\"eos_token\":\"<|endoftext|>\"}", "",
     "eos_token is <|endoftext|> in special_tokens_map.json, and <|im_end|> in "
     "tokenizer_config.json"},
    {"smollm", "{\"bos_token\":\"<|im_end|>\"}", "{\"bos_token\":\"<|im_start|>\"}", "",
     "bos_token is <|im_start|> in special_tokens_map.json, and <|im_end|> in"},
    {"smollm", "{}", "{\"eos_token\":{\"content\":\"<|im_end|>\"}}", "",
     "eos_token is <|im_end|> in special_tokens_map.json, and none in tokenizer_config.json"},
    {"smollm", "", "{\"eos_token\":\"<|im_end|>\"}", "", "and none in tokenizer_config.json"},
    {"smollm", "{\"eos_token\":\"<|im_end|>\"}", "{\"eos_token\":null}", "",
     "eos_token is none in special_tokens_map.json, and <|im_end|> in"},
    {"smollm", "{}", "{\"pad_token\":\"[PAD]\"}", "",
     "special_tokens_map.json: pad_token is [PAD]"},
    {"smollm", "{}", "", "{\"[PAD]\":420}", "added_tokens.json: [PAD] is no added token"},
    {"smollm", "{}", "", "{\"<|im_end|>\":1}", "added_tokens.json: <|im_end|> is no added token"},
    {"smollm", "{}", "", "{\"!\":3}", "added_tokens.json: ! is no added token"},
    /* what is no JSON */
    {"smollm", "{", "", "", "tokenizer_config.json: "},
    {"smollm", "{}", "{", "", "special_tokens_map.json: "},
    {"smollm", "{}", "", "{", "added_tokens.json: "},
};

static void test_folders(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(folders); i++) {
        const folder *f = &folders[i];
        sw_tokenizer *t = open_golden(f->tokenizer);
        sw_error err = {0};
        const sw_tokenizer_beside beside = {sw_text(f->config), sw_text(f->map), sw_text(f->added)};
        sw_status status = sw_tokenizer_check_beside(t, &beside, &err);
        if (!f->says != (status == SW_OK)) fail_msg("folder %zu: %s", i, err.message);
        if (f->says && !strstr(err.message, f->says)) fail_msg("folder %zu: %s", i, err.message);
        if (f->says && status == SW_REFUSED) {
            assert_string_equal(err.word, "model");
            assert_true(err.hint[0]);
        }
        sw_tokenizer_close(&t);
    }
}

/* Cut anywhere, a file is no JSON, and is named. */
static void test_cuts(void **state) {
    (void)state;
    sw_tokenizer *t = open_golden("llama2");
    sw_bytes whole = sw_text(folders[1].config);
    for (size_t size = 1; size < whole.size; size++) {
        sw_error err = {0};
        const sw_tokenizer_beside beside = {.tokenizer_config = SW_BYTES(whole.data, size)};
        assert_int_equal(sw_tokenizer_check_beside(t, &beside, &err), SW_MALFORMED);
        assert_non_null(strstr(err.message, "tokenizer_config.json: "));
    }
    sw_tokenizer_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders), cmocka_unit_test(test_cuts)};
    return cmocka_run_group_tests_name("files beside a tokeniser", tests, NULL, NULL);
}

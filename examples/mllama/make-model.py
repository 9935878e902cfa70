#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a tiny Mllama with weights drawn at random: no Mllama can be fetched without its maker's leave. Needs requirements.txt.

    make-model.py FOLDER

The same classes, names and shapes of layers as Llama 3.2 Vision has: an eye of two and one layers, a projector, a language model of four
layers of which the second looks at the picture; vocabulary: the 256 bytes and the special tokens.
"""
import sys

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import MllamaConfig, MllamaForConditionalGeneration, MllamaImageProcessorPil, MllamaProcessor, PreTrainedTokenizerFast

SPECIAL = ["<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|finetune_right_pad_id|>"]
SIDE = 28
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|image|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n{% endif %}"
)


def tokenizer():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = letters + SPECIAL + ["<|image|>"]
    made = Tokenizer(models.BPE(vocab={text: i for i, text in enumerate(names)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL + ["<|image|>"]])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token=SPECIAL[0], eos_token=SPECIAL[1], pad_token=SPECIAL[4])


def main(folder):
    words = tokenizer()
    image = words.convert_tokens_to_ids("<|image|>")
    config = MllamaConfig(
        vision_config={"hidden_size": 32, "attention_heads": 2, "num_hidden_layers": 2, "num_global_layers": 1, "intermediate_size": 64,
                       "intermediate_layers_indices": [0, 1], "vision_output_dim": 96, "image_size": SIDE, "patch_size": 14, "max_num_tiles": 1,
                       "supported_aspect_ratios": [[1, 1]]},
        text_config={"vocab_size": image, "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
                     "intermediate_size": 128, "cross_attention_layers": [1], "max_position_embeddings": 512, "bos_token_id": words.bos_token_id,
                     "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id},
        image_token_index=image,
    )
    torch.manual_seed(7)
    model = MllamaForConditionalGeneration(config)
    with torch.no_grad():  # the gates of a new model are shut, and nothing would come through them
        for name, weight in model.named_parameters():
            if "gate" in name and weight.numel() == 1:
                weight.fill_(0.5)
    model.save_pretrained(folder)
    eye = MllamaImageProcessorPil(size={"height": SIDE, "width": SIDE}, max_image_tiles=1)
    MllamaProcessor(eye, words, chat_template=TEMPLATE).save_pretrained(folder)


main(sys.argv[1])

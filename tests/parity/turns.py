#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rows of turns through a model's own template: the tokens and targets that TRL's SFTTrainer gives, ours beside them.

    tests/parity/turns.py [O]        TAP on stdout; builds O/tests/parity/engine (O is build/release)
    tests/parity/turns.py --golden   writes tests/train/golden/turns.json, which `make test` compares against

The golden's templates are our own, in the manner of the families, over the miniature. Live, the families' own texts as trl and axolotl carry
them are rendered as well, over tokenisers of each kind (tests/tokenizer/golden). Packages are those of tests/parity/requirements*.txt.
"""
import contextlib
import datetime
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile

import train
from train import ROOT, check, miniature

GOLDEN = os.path.join(train.GOLDEN, "turns.json")
DATE = "2026-11-28"
RUN = {**train.COMMON, **train.RUNS["lora-fp32"], "max_length": 400}
FLAGS = ["assistant_only_loss", "completion_only_loss", "packing"]


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


DIALOGUES = [
    {"messages": turns(("user", "What is a lease?"), ("assistant", "The time for which keys may be held."), ("user", "And then?"), ("assistant", "They go."))},
    {"messages": turns(("system", "Answer in one word."), ("user", "Is the shard sealed?"), ("assistant", " Yes. "))},
    {"messages": turns(("user", "  Où?\n"), ("assistant", "\n\nÀ l'hôpital, e\u0301te\u0301 🙂.\n"), ("user", "你好"), ("assistant", "12345 世界"))},
    {"messages": turns(("user", "<|im_end|>"), ("assistant", "x"))},
    {"messages": turns(("user", "Who?"), ("assistant", "The patient was seen in room 7."), ("user", "When?"), ("assistant", ""), ("user", "So?"), ("assistant", "ok"))},
]
PAIRS = [
    {"prompt": turns(("user", "What is sealed?")), "completion": turns(("assistant", "The shard."))},
    {"prompt": turns(("system", "Be brief."), ("user", "Who may open it?")), "completion": turns(("assistant", " Its owner, "))},
    {"prompt": turns(("user", "a"), ("assistant", "b"), ("user", "c")), "completion": turns(("assistant", "d\n"), ("user", "e"), ("assistant", "f"))},
]
WEATHER = [{"type": "function", "function": {"name": "weather", "description": "Now", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
CALLS = [
    {"tools": json.dumps(WEATHER), "messages": [
        {"role": "user", "content": "Weather in Bern?"},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Bern"}}}]},
        {"role": "tool", "name": "weather", "content": "{\"t\": 4.5}"},
        {"role": "assistant", "content": "4.5 degrees."}]},
]
BLANKS = [{"messages": turns(("user", "a"), ("assistant", "b  c"), ("user", "d"), ("assistant", " e"), ("user", "f"), ("assistant", "g"))},
          {"messages": turns(("user", "a"), ("assistant", "b "), ("user", "d"), ("assistant", "e"))}]
ROWS = {"blanks": BLANKS, "dialogues": DIALOGUES, "pairs": PAIRS, "calls": CALLS}

OWN = {
    # A default system turn, marks around what the assistant says and its end, calls as JSON: the ChatML families.
    "chatml": """{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\\nYou help.<|im_end|>\\n' }}{%- endif %}
{%- if tools %}{{- '<tools>' }}{%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}{{- '</tools>\\n' }}{%- endif %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {{- '<|im_start|>assistant\\n' }}{%- generation %}{{- message.content }}
        {%- for call in message.tool_calls or [] %}{{- '<call>' ~ (call.function | tojson) ~ '</call>' }}{%- endfor %}
        {{- '<|im_end|>\\n' }}{%- endgeneration %}
    {%- else %}
        {{- '<|im_start|>' + message.role + ('=' + message.name if message.name else '') + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}""",
    # A first token, a head with the date, trimmed content, marks that leave the end out: Llama's way.
    "dated": """{{- bos_token }}{{- "Today: " + strftime_now("%d %b %Y") + "\\n\\n" }}
{%- for m in messages %}{{- '<' + m['role'] + '>\\n\\n' }}{%- if m.role == 'assistant' %}{% generation %}{{- m.content | trim }}{% endgeneration %}
{%- else %}{{- m['content'] | trim }}{%- endif %}{{- eos_token }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<assistant>\\n\\n' }}{%- endif %}""",
    # The system's word inside the last user turn, an end behind each answer: Mistral's way. The answers alone are marked.
    "instructed": """{%- if messages[0].role == 'system' %}{%- set system = messages[0].content %}{%- set rest = messages[1:] %}
{%- else %}{%- set rest = messages %}{%- endif %}{{- bos_token }}
{%- for m in rest %}{%- if m.role == 'user' %}{%- if loop.index0 == 0 and system is defined %}{{- '[I] ' + system + '\\n\\n' + m.content + '[/I]' }}
{%- else %}{{- '[I] ' + m.content + '[/I]' }}{%- endif %}
{%- else %}{%- generation %}{{- ' ' + m.content + eos_token }}{%- endgeneration %}{%- endif %}{%- endfor %}""",
    # A prompt that ends in what a whole conversation does not have: its tokens are no prefix.
    "thinking": """{%- for m in messages %}{{- '<|im_start|>' + m.role + '\\n' }}{%- if m.role == 'assistant' and loop.last %}{{- '<think>x</think>' }}{%- endif %}
{{- m.content + '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n\\n</think>\\n\\n' }}{%- endif %}""",
    # Marks from the text's first character on, and empty ones.
    "bare": """{%- for m in messages %}{%- generation %}{%- if m.role == 'assistant' %}{{- m.content }}{%- else %}{{- m.content[:1] }}{%- endif %}{%- endgeneration %}
{{- '|' }}{%- endfor %}""",
}
CASES = [  # template, rows, settings
    ("chatml", "dialogues", {}), ("chatml", "dialogues", {"assistant_only_loss": 1}), ("chatml", "pairs", {}), ("chatml", "pairs", {"assistant_only_loss": 1}),
    ("chatml", "pairs", {"assistant_only_loss": 1, "completion_only_loss": 0}), ("chatml", "calls", {}), ("chatml", "calls", {"assistant_only_loss": 1}),
    ("dated", "dialogues", {}), ("dated", "dialogues", {"assistant_only_loss": 1}), ("dated", "pairs", {}), ("dated", "pairs", {"assistant_only_loss": 1}),
    ("instructed", "dialogues", {}), ("instructed", "dialogues", {"assistant_only_loss": 1}), ("instructed", "pairs", {}),
    ("thinking", "dialogues", {}), ("thinking", "pairs", {}), ("bare", "dialogues", {"assistant_only_loss": 1}),
    ("chatml", "blanks", {"assistant_only_loss": 1}), ("bare", "blanks", {"assistant_only_loss": 1}),
]
TRIMMED = [("chatml", "blanks", {"assistant_only_loss": 1}), ("bare", "blanks", {"assistant_only_loss": 1})]  # under offsets without blanks
TRL = ["llama3", "llama3_training", "llama3_1", "llama3_2", "qwen2_5", "qwen2_5_training", "qwen3_training", "phi3_training", "gemma", "gemma_training"]
AXOLOTL = ["chatml", "mistral_v1", "mistral_v2v3", "mistral_v3_tekken"]
MIXED = ["trl/qwen2_5_training.jinja", "trl/llama3_training.jinja", "chat_templates/mistral_v2v3.jinja", *OWN]  # over every kind of tokeniser
TOKENISERS = ["llama3", "qwen2", "llama2", "mistral", "smollm"]


# ---- TRL ----


@contextlib.contextmanager
def clock():
    from transformers.utils import chat_template_utils

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromisoformat(DATE)

    kept, chat_template_utils.datetime = chat_template_utils.datetime, Clock
    try:
        yield
    finally:
        chat_template_utils.datetime = kept


def trl_rows(model, tokenizer, rows, settings):
    """[id, target] pairs of each row; None where TRL or the template refuses one of them."""
    from datasets import Dataset

    more = {k: bool(settings[k]) for k in FLAGS if k in settings}
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr), clock():
        try:
            t = train.trainer_class()(model=model, args=train.config(out, RUN, **more), train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
        except Exception as problem:
            return None, str(problem)
    return [[[i, int(label != -100 and at > 0)] for at, (i, label) in enumerate(zip(row["input_ids"], row["labels"], strict=True))] for row in t.train_dataset], ""


# ---- ours ----


def our_rows(engine, folder, rows, settings, dated):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.write("".join(json.dumps(row) + "\n" for row in rows))
        f.flush()
        keys = {"max_length": RUN["max_length"], "template": "model", **settings}
        if dated:
            keys["template_date"] = DATE.replace("-", "")
        made = subprocess.run([engine.program, "rows", folder, f.name, *[f"{k}={v}" for k, v in keys.items()]], text=True, capture_output=True, check=False)
    if made.returncode:
        return None, made.stderr.strip()
    return [[[int(v) for v in word.split(":")] for word in line.split()] for line in made.stdout.splitlines()], ""


def golden():
    from tokenizers import processors

    cases = []
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        for trimmed, (template, form, settings) in [(0, c) for c in CASES] + [(1, c) for c in TRIMMED]:
            model, tokenizer = train.load(folder)
            tokenizer.chat_template = OWN[template]
            if trimmed:
                tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
            rows, problem = trl_rows(model, tokenizer, ROWS[form], settings)
            assert rows is not None, (template, form, settings, problem)
            cases.append({"template": template, "rows": form, "settings": settings, "trimmed": trimmed, "sequences": rows})
    lines = {form: [json.dumps(row) for row in rows] for form, rows in ROWS.items()}
    content = {"versions": train.versions(), "max_length": RUN["max_length"], "date": DATE, "templates": OWN, "rows": lines, "cases": cases}
    with open(GOLDEN, "w", encoding="utf-8") as f:
        f.write(json.dumps(content, separators=(",", ":")) + "\n")
    return True


def package_file(package, *path):
    return os.path.join(os.path.dirname(importlib.util.find_spec(package).origin), *path)


def families():
    files = [package_file("trl", "chat_templates", f"{name}.jinja") for name in TRL]
    files += [package_file("axolotl", "utils", "chat_templates", "templates", f"{name}.jinja") for name in AXOLOTL]
    for file in files:
        with open(file, encoding="utf-8") as f:
            yield "/".join(file.split("/")[-3::2]), f.read()
    yield from OWN.items()


def with_tokeniser(folder, name):
    """The miniature with another tokeniser; TRL's trainer only makes rows of it."""
    shutil.copy(os.path.join(ROOT, "tests", "tokenizer", "golden", name + ".json"), os.path.join(folder, "tokenizer.json"))
    marked = name in ("llama2", "mistral")
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>" if marked else "<|im_start|>",
              "eos_token": "</s>" if marked else "<|im_end|>", "pad_token": "</s>" if marked else "<|im_end|>"}
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)


def compare(engine, folder, loaded, rows, settings, dated):
    """(same, refused, differences): all rows at once, and one by one where one of them is refused."""
    theirs, why = trl_rows(*loaded, rows, settings)
    ours, problem = our_rows(engine, folder, rows, settings, dated)
    if theirs is not None and ours == theirs:
        return len(rows), 0, []
    if len(rows) > 1 and (ours is None or theirs is None):
        parts = [compare(engine, folder, loaded, [row], settings, dated) for row in rows]
        return sum(p[0] for p in parts), sum(p[1] for p in parts), [d for p in parts for d in p[2]]
    if ours is None and (theirs is None or "joins a character" in problem):
        return 0, 1, []
    return 0, 0, [f"# {settings} {json.dumps(rows)[:160]}\n#   ours   {str(ours)[:300]} {problem}\n#   theirs {str(theirs)[:300]} {why[:200]}"]


def one_family(engine, folder, loaded, name, text, tokeniser):
    loaded[1].chat_template = text
    with open(os.path.join(folder, "chat_template.jinja"), "w", encoding="utf-8", newline="") as f:
        f.write(text)
    bad, same, refused = [], 0, 0
    for rows in ROWS.values():
        for settings in [{}] + ([{"assistant_only_loss": 1}] if "endgeneration" in text else []):
            parts = compare(engine, folder, loaded, rows, settings, "strftime_now(" in text)
            same, refused, bad = same + parts[0], refused + parts[1], bad + parts[2]
    check(f"{name}, {tokeniser}: TRL's rows", not bad and same > 0, f"{same} rows the same, {refused} refused")
    print("\n".join(bad[:4]), end="\n" if bad else "")


def live(objects):
    engine = train.Engine(objects)
    with tempfile.TemporaryDirectory() as work:
        folder = miniature(os.path.join(work, "miniature"))
        for tokeniser in ["miniature", *TOKENISERS]:
            if tokeniser != "miniature":
                with_tokeniser(folder, tokeniser)
            loaded = train.load(folder)
            for name, text in families():
                if tokeniser != "miniature" and name not in MIXED:
                    continue
                one_family(engine, folder, loaded, name, text, tokeniser)
    print(f"1..{len(train.results)}")
    return all(train.results)


def main():
    arguments = sys.argv[1:]
    if arguments == ["--golden"]:
        return 0 if golden() else 1
    return 0 if live(os.path.abspath(arguments[0]) if arguments else os.path.join(ROOT, "build", "release")) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What transformers' apply_chat_template makes of a template and a conversation, and the conversations that the scripts beside use."""
import datetime
import json

from transformers.utils import chat_template_utils as utils

DATE = "2026-03-07"


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromisoformat(DATE)


utils.datetime = Clock


def reference(ask):
    """{"text", "spans"} with spans in bytes, or {"error"}."""
    try:
        messages = [{k: v for k, v in m.items() if v is not None} for m in ask["messages"]]
        tokens = {k: ask[k] for k in ("bos_token", "eos_token") if k in ask}
        text, spans = utils._render_with_assistant_indices(
            compiled_template=utils._compile_jinja_template(ask["template"]), messages=messages, tools=ask.get("tools"), documents=None,
            add_generation_prompt=ask["add_generation_prompt"], **tokens)
        return {"text": text, "spans": [[len(text[:i].encode()) for i in span] for span in spans]}
    except Exception as error:  # whatever Python raises is a refusal
        return {"error": f"{type(error).__name__}: {error}"}


TEXTS = ["Hello", "", "  padded \n", "line\nline\r\n\ttab", "quote \" ' \\ </s> {{ x }} {% if %}", "été 你好 🙂 \u00a0nbsp\u00a0", "\u2028 \x1c\x85x\x7f",
         "<tool>{\"a\": 1}</tool>", "a" * 300]
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "It's \"the\" weather\nin <a> place: é🙂", "parameters": {
        "type": "object", "properties": {"place": {"type": "string"}, "days": {"type": "integer", "default": 3, "minimum": 0.5, "enum": []}},
        "required": ["place"], "strict": True, "note": None, "empty": {}}}},
    {"type": "function", "function": {"name": "noop", "parameters": {"type": "object", "properties": {}}, "return": {"type": "string"}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"place": "Wien", "days": 2}}}]}


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def conversations():
    out = [[], [turn("system", "Be brief.")], [turn("assistant", "first")], [turn("tool", "x")], [turn("odd", "role")], [turn("user", "a"), turn("user", "b")],
           [turn("user", None)], [{"role": "user"}], [{"content": "no role"}], [turn("User", "capital")]]
    for text in TEXTS:
        out.append([turn("user", text)])
        out.append([turn("system", text), turn("user", text), turn("assistant", text)])
    out.append([turn("system", "s")] + [turn(r, f"{r} {i}") for i in range(4) for r in ("user", "assistant")])
    out.append([turn(r, f"{r} {i}", name="n", weight=i, ratio=0.5, flag=True) for i in range(3) for r in ("user", "assistant")] + [turn("user", "end")])
    out.append([turn("user", "w?"), CALL, turn("tool", "sunny", tool_call_id="abcdefghi", name="weather"), turn("assistant", "It is sunny.")])
    out.append([turn("user", "w?"), CALL, turn("tool", {"t": [1, 2.5, 1e20, True]}, tool_call_id="abcdefghi"), turn("user", "and?")])
    out.append([turn("user", "w?"), {**CALL, "tool_calls": CALL["tool_calls"] * 2}])
    out.append([turn("user", "w?"), {**CALL, "tool_calls": None, "content": "no calls"}])
    out.append([turn("user", [{"type": "text", "text": "part"}, {"type": "text", "text": "s"}]), turn("assistant", "a")])
    out.append([turn("user", "x"), turn("assistant", "<think>\nreason\n</think>\n\nanswer"), turn("user", "y")])
    return out


def asks(template, tools=True):
    for messages in conversations():
        for prompt in (False, True):
            for given in (None, TOOLS, []) if tools else (None,):
                yield {"template": template, "messages": messages, "add_generation_prompt": prompt, "tools": given, "bos_token": "<s>",
                       "eos_token": "</s>", "date": DATE}


def lines(all_asks):
    return "".join(json.dumps(ask) + "\n" for ask in all_asks)

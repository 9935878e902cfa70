#!/usr/bin/env python3
"""Writes tests/tokenizer/golden/template.json: templates of our own in the constructs of the families, and one line for each feature of the
language, with what transformers 5.24.0 and jinja2 3.1.6 make of them.

    tests/parity/template_golden.py [--check]      --check compares with what is committed and writes nothing
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import template_reference as peer  # noqa: E402

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tokenizer", "golden", "template.json")
FAMILIES = [
    # Turns between marks, with a default system turn and spans: the ChatML families.
    """{%- if messages[0].role != 'system' %}\n    {{- '[sys]default[end]\\n' }}\n{%- endif %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {{- '[assistant]\\n' }}
        {%- generation %}
        {{- message.content + '[end]\\n' }}
        {%- endgeneration %}
    {%- else %}
        {{- '[' ~ message['role'] ~ ']\\n' + message['content'] + '[end]' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '[assistant]\\n' }}{%- endif %}""",
    # A head with a date, tools as indented JSON, calls: Llama's way.
    """{{- bos_token }}
{%- if not day is defined %}
    {%- if strftime_now is defined %}\n        {%- set day = strftime_now("%d %b %Y") %}\n    {%- else %}\n        {%- set day = "1 Jan 2000" %}\n    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}\n    {%- set head = messages[0]['content']|trim %}\n    {%- set messages = messages[1:] %}
{%- else %}\n    {%- set head = "" %}\n{%- endif %}
{{- "Date: " + day + "\\n\\n" + head }}
{%- if tools is not none %}\n    {%- for t in tools %}\n        {{- t | tojson(indent=4) }}\n        {{- "\\n\\n" }}\n    {%- endfor %}\n{%- endif %}
{%- for m in messages %}
    {%- if not (m.role == 'tool' or 'tool_calls' in m) %}
        {{- '<' + m['role'] + '>' + m['content'] | trim + eos_token }}
    {%- elif 'tool_calls' in m %}
        {%- if not m.tool_calls|length == 1 %}\n            {{- raise_exception("One call at a time!") }}\n        {%- endif %}
        {%- set call = m.tool_calls[0].function %}
        {{- '{"name": "' + call.name + '", "parameters": ' + call.arguments | tojson + "}" }}
        {%- for key, value in call.arguments | items %}{{- key ~ '=' ~ value }}{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}
    {%- elif m.content is mapping or m.content is iterable %}
        {{- m.content | tojson }}
    {%- endif %}
{%- endfor %}""",
    # Turns that must alternate, tools before the last user's: Mistral's way.
    """{%- if messages and messages[0]["role"] == "system" %}\n    {%- set system = messages[0]["content"] %}\n    {%- set rest = messages[1:] %}
{%- else %}\n    {%- set rest = messages %}\n{%- endif %}
{%- set users = rest | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(index=0) %}
{%- for m in rest if m.role != 'tool' %}
    {%- if (m["role"] == "user") != (ns.index % 2 == 0) %}\n        {{- raise_exception("Roles must alternate.") }}\n    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for m in rest %}
    {%- if m["role"] == "user" %}
        {%- if tools is not none and (m == users[-1]) %}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {%- for key, val in tool.items() if key != "return" %}
                    {{- key + ": " + (val if val is string else val|tojson) }}
                {%- endfor %}
            {%- endfor %}
        {%- endif %}
        {%- if loop.last and system is defined %}\n            {{- "[I]" + system + "\\n\\n" + m["content"] + "[/I]" }}
        {%- else %}\n            {{- "[I]" + m["content"] + "[/I]" }}\n        {%- endif %}
    {%- elif m.tool_calls is defined and m.tool_calls is not none %}
        {{- (m.tool_calls[0].function|tojson)[:-1] ~ m.tool_calls[0].id|length }}
    {%- else %}
        {{- m.content|string + eos_token }}
    {%- endif %}
{%- endfor %}""",
]
FEATURES = """
a{{ 1 }}b{# note #}c  {#- left -#}  d
  {% if true %}  x  {% endif %}  y
 {%+ if true %} x {%+ endif %}{{ 'z' }}
{% if true +%}#x#{% endif +%}#y#
{%- if true -%}  # x #  {%- endif -%} # y
x{{- ' a ' -}}  # z
{{ "a\\tb\\x41\\u00e9\\U0001f642\\q\\'\\"" 'joined' "up" }}
{{ 'été' | length }} {{ 'été'[1] }} {{ 'été'[-1:] }} {{ 'abcdef'[::-2] }} {{ 'abc'[5:] }} {{ 'abcdef'[-2:1:-1] }} {{ messages[::-1][0].role }}
{{ [1, 2, 3][1:] | tojson }} {{ [1,2,3][-1] }} {{ [1][5] }} {{ [1,2,3,4,5][1::2] | join('-') }} {{ [][1:] | tojson }}
{{ true }} {{ none }} {{ 12 }} {{ -3 }} {{ 1.0 }} {{ 0.1 }} {{ 1e16 }} {{ 1.5e-7 }} {{ 123456.789 }} {{ 100000.0 * 3 }} {{ undefined_thing }}
{{ 1 + 2 * 3 - 4 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 2 * 0.5 }} {{ true + 1 }} {{ -(1) }} {{ 1 - -1 }} {{ +true }}
{{ 'a' ~ 1 ~ none ~ true ~ missing ~ 1.5 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 1 == 1.0 == true }} {{ 'a' != 'b' }} {{ 1 >= 1 }} {{ [1, 'a'] == [1, 'a'] }} {{ {'a': 1} == {'a': 1} }}
{{ 'b' in 'abc' }} {{ 'x' not in 'abc' }} {{ 1 in [1, 2] }} {{ 'role' in messages[0] }} {{ 'x' in missing }} {{ 'a' in ('a', 'b') }} {{ 1 in {'a': 1} }}
{{ not true or true and false }} {{ 'a' or 'b' }} {{ '' or 'b' }} {{ none and 1 }} {{ not not 1 }} {{ not 1 in [2] }}
{{ 'x' if true else 'y' }} {{ 'x' if false }} {{ 'a' if false else 'b' if false else 'c' }}
{{ missing is defined }} {{ missing is not defined }} {{ none is none }} {{ 'a' is string }} {{ {} is mapping }} {{ [] is iterable }} {{ 'a' is sequence }}
{{ 1 is number }} {{ true is number }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 1 is equalto 1 }} {{ 1 is eq(1) }} {{ 1 is in [1] }} {{ 1 is ne 2 }}
{{ missing is iterable }} {{ missing is sequence }} {{ none is iterable }} {{ 1 is integer }} {{ 1.5 is float }} {{ true is boolean }} {{ true is integer }}
{{ ' a ' | trim }}| {{ 'xax' | trim('x') }} {{ 'a' | upper }} {{ 'A' | lower }} {{ [1, 'a', none] | join(', ') }} {{ 'abc' | join('.') }} {{ {'k': 1} | join }}
{{ missing | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ missing | d }}| {{ none | default('d', boolean=true) }}
{{ 'abc' | list | tojson }} {{ 'abc' | first }} {{ [1, 2] | last }} {{ [] | first }} {{ {'a': 1} | first }} {{ 'a.b' | replace('.', '!') }} {{ 11 | replace(1, 2) }}
{{ missing | trim }} {{ missing | length }} {{ missing | list | tojson }} {{ missing | join }} {{ missing | first }} {{ missing | upper }} {{ missing | string }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'in', ['user']) | map(attribute='role') | join(',') }}
{{ messages | map(attribute='content') | first }} {{ [0, 1, ''] | select | list | tojson }} {{ [1, 2] | reject('equalto', 1) | list | tojson }} {{ messages | selectattr('name') | list | tojson }}
{{ messages | selectattr('name', 'defined') | list | length }} {{ messages | selectattr('content', 'string') | list | length }}
{{ {'b': [1, 2.5, {}, []], 'a': none, 'é': '<&\\u0001"'} | tojson }} {{ {'é': '🙂'} | tojson(ensure_ascii=true) }} {{ [] | tojson(indent=2) }}
{{ {'b': [1, {'x': true}], 'a': 'z'} | tojson(indent=2) }} {{ [1] | tojson(indent=0) }} {{ 'x' | tojson }} {{ none | tojson }}
{{ ' a '.strip() }}|{{ 'xxaxx'.lstrip('x') }}|{{ 'a  '.rstrip() }}|{{ 'a'.upper() }}{{ "they're ON".title() }}{{ 'AB'.lower() }}
{{ 'a,b,c'.split(',') | tojson }} {{ ' a  b '.split() | tojson }} {{ 'a,b,c'.split(',', 1) | tojson }} {{ ' a  b  c '.split(none, 1) | tojson }} {{ 'a'.split(sep='b') | tojson }} {{ ''.split() | tojson }} {{ ''.split(',') | tojson }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('bc') }} {{ 'aXbX'.replace('X', '--') }} {{ 'a</think>b'.split('</think>')[-1] }}
{% for k, v in {'x': 1, 'y': 2}.items() %}{{ k }}={{ v }};{% endfor %}{{ {'a': 1}.items() | length }}{% for p in {'a': 1}.items() %}{% for q in p %}{{ q }}{% endfor %}{% endfor %}
{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}
{% for x in [1, 2, 3] if x != 2 %}{{ x }}{{ loop.length }}{% else %}none{% endfor %}{% for x in [] %}{{ x }}{% else %}empty{% endfor %}{% for x in missing %}{% else %}e{% endfor %}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 5 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 9 %}{% endif %}{{ x }}
{% set ns = namespace(a=1, b='x') %}{% for i in [1, 2] %}{% set ns.a = ns.a + i %}{% set ns.c = i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c }}{{ ns.none_such }}{{ ns['a'] }}
{% for i in [1, 2] %}{% for j in 'ab' %}{{ loop.index }}{{ i }}{{ j }}{% endfor %}{{ loop.index }}{% endfor %}{{ i }}{{ loop }}
{% if false %}a{% elif true %}b{% else %}c{% endif %}{% if missing %}a{% elif none %}b{% else %}c{% endif %}{% if [] or {} or '' or 0 or 0.0 %}a{% endif %}
{{ strftime_now('%Y-%m-%d %y %b %B %a %A %j %-d %-m %%') }} {{ strftime_now is defined }} {{ raise_exception is defined }}
a{% generation %}été{% set inside = 1 %}{{ inside }}{% endgeneration %}b{{ inside }}{% for m in messages %}{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}
{{ messages[0]['content'] }}{{ messages[0].missing }}{{ messages[0]['missing'] }}{{ messages[0].role.x }}{{ none.x }}{{ (1).x }}{{ 'a'.b }}{{ messages.0.role }}
{{ {'a': {'b': 1}}.a.b }} {{ {'a': 1, 'a': 2} | tojson }} {{ [[1, 2], [3]][0][1] }} {{ ('a') }} {{ {'x': 1,}.x }} {{ [1, 2,] | length }}
{{ documents is none }} {{ tools is none }} {{ add_generation_prompt }} {{ bos_token }} {{ eos_token is defined }} {{ [1] + [2] == [1, 2] }}
{% set a = messages | map(attribute='role') %}{{ a | list | length }}{{ a | list | length }} {% set b = ['p', 'q'] | select %}{{ b | first }}{% for x in b %}{{ x }}{% endfor %}
{% for x in [true, none, 1.5] %}{{ x is none }}{{ x is true }}{{ x ~ '' }}{% endfor %}{{ missing == other }}{{ missing == none }}{{ missing != '' }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing + 'a' }}
{{ 'a' + missing }}
{{ 'a' + 1 }}
{{ 'a' + none }}
{{ 'a' < 1 }}
{{ missing < 1 }}
{{ missing | tojson }}
{{ none | length }}
{{ 1 in 'a' }}
{{ 'a' in none }}
{{ 1 % 0 }}
{% set n = none %}{{ n[1:] }}
{% set d = {'a': 1} %}{{ d[:1] }}
{{ messages[0][1:] }}
{{ 'abc'[:messages[0].content] }}
{{ messages[:1.5] | length }}
{{ messages[missing:] | length }}
{{ 'abc'[::0] }}
{% set l = [1] %}{{ l['a':] }}
{% set l = [1] %}{{ l[::'a'] }}
{% for x in none %}{% endfor %}
{% for x in 1 %}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{{ 'abc'.split('') }}
{{ none.strip() }}
{{ missing.strip() }}
{{ messages.items() }}
{{ 'a'.strip(1) }}
{{ [1] | items | list }}
{{ raise_exception('No: ' + messages[0].role) }}
{{ raise_exception("The template's own sentence.") }}
{% set missing.x = 1 %}
{{ missing() }}
{{ missing[1:] }}
{{ [] | map(attribute='x') | length }}
{{ [{}] | map(attribute='a.b') | list }}
{{ messages | map(attribute='role') | last }}
{{ 'x' is in none }}
{{ {} + {} }}
{{ -'a' }}
"""
MESSAGES = [{"role": "system", "content": "Be brief.", "name": None}, {"role": "user", "content": "  Où?\n", "name": "n"}, {"role": "assistant", "content": "Ici"}]


def features():
    for line in FEATURES.strip("\n").split("\n"):
        line = line.replace("#x#", "\nx\n").replace("#y#", "\ny\n").replace(" # ", "\n\n")
        yield {"template": line, "messages": MESSAGES, "tools": None, "add_generation_prompt": False, "bos_token": "<s>", "eos_token": "</s>", "date": peer.DATE}
    for odd in ("a\r\n{% if true %}\r\nb\rc{% endif %}\r\n\r\n", "\n\n  {% set a = 1 %}\n\t{# c #}\n  {{ a }}\n{% if a %}\n  in\n  {% endif %}\nout\n",
                "{{ '\n' }}{{ 'a\\\nb' }}", "{#- a -#}\n{#+ b +#}\n{# c #}\nd", "", "{", "}} %} #}", "{{ '}}' }}{{ {'a': {'b': 1}} | tojson }}"):
        yield {"template": odd, "messages": MESSAGES, "tools": None, "add_generation_prompt": False, "date": peer.DATE}


def printed(ask):
    """Not what Python prints of a list or an object: refused, TPL-036."""
    return not any(isinstance(m.get("content"), (list, dict)) for m in ask["messages"])


def main():
    asks = [ask for template in FAMILIES for ask in list(peer.asks(template))[::7] if printed(ask)] + list(features())
    cases = []
    for ask in asks:
        answer = peer.reference(ask)
        cases.append({**ask, **({"refused": True} if "error" in answer else answer)})
    shown = "[\n" + ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases) + "\n]\n"
    if "--check" in sys.argv:
        same = open(FILE, newline="").read() == shown
        print("same" if same else "the committed file differs")
        sys.exit(not same)
    open(FILE, "w", newline="").write(shown)
    print(f"{len(cases)} cases, {sum('refused' in c for c in cases)} refused")


main()

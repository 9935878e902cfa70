#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Derives what cffi reads from the installed header: make_cdef.py include/sealwright.h >sealwright/_cdef.py

Comments, preprocessor lines and C++ go; the numbers of #defines are put in. tests/python/test_cdef.py makes it again and compares."""
import re
import sys

NUMBER = re.compile(r"#define\s+(\w+)\s+(?:(\d+)|\(\(size_t\)(\d+) << (\d+)\)|\"([^\"]*)\")\s*$")


def constants(text):
    found = {}
    for line in text.splitlines():
        match = NUMBER.match(line.split("/*")[0].rstrip())
        if match:
            name, plain, base, shift, word = match.groups()
            found[name] = word if word is not None else int(plain) if plain else int(base) << int(shift)
    return found


def declarations(text, numbers):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    kept, cplusplus = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            cplusplus = line.startswith("#ifdef __cplusplus") or (cplusplus and not line.startswith("#endif"))
        elif not cplusplus and line.strip():
            kept.append(line.rstrip().replace("SW_NODISCARD ", ""))
    text = "\n".join(kept)
    for name, value in numbers.items():
        text = re.sub(rf"\b{name}\b", str(value), text)
    return text + "\n"


def made_from(header):
    numbers = {k: v for k, v in constants(header).items() if k != "SW_NODISCARD"}
    lines = ['# SPDX-License-Identifier: Apache-2.0', '"""Made by python/make_cdef.py from include/sealwright.h."""']
    lines += [f"{k} = {v!r}".replace("'", '"') for k, v in numbers.items()]
    return "\n".join(lines) + '\nCDEF = """\n' + declarations(header, numbers) + '"""\n'


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as f:
        sys.stdout.write(made_from(f.read()))

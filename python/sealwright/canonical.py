# SPDX-License-Identifier: Apache-2.0
"""JSON in its one encoding (RFC 8785), and read back without a second meaning: no duplicate names, nothing but that encoding."""
from __future__ import annotations

import json
import math
from typing import Any

from .errors import SealwrightError, malformed, usage

DEPTH = 8
_LARGEST = (1 << 53) - 1


class Repeated(ValueError):
    """A name that stands twice in one object."""


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Repeated
    return made


def refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _number(value: float) -> str:
    """As ECMAScript writes a double, which is what RFC 8785 takes: repr has the shortest digits, the rest is where the point stands."""
    if value == 0:
        return "0"
    sign, text = ("-", float.__repr__(-value)) if value < 0 else ("", float.__repr__(value))
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + ("" if fraction == "0" else fraction)).lstrip("0")
    point = len(whole) + int(exponent or 0) if whole != "0" else len(digits) - len(fraction) + int(exponent or 0)
    digits = digits.rstrip("0") or "0"
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + "e" + power


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise usage("claims", "a text is not valid Unicode") from None
    return json.dumps(value, ensure_ascii=False)


def _write(value: Any, depth: int) -> str:
    if depth > DEPTH:
        raise usage("claims", f"an object is more than {DEPTH} deep")
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise usage("claims", "a whole number is beyond 2^53")
        return int.__repr__(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise usage("claims", "a number is not finite")
        return _number(float(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(_write(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        names = sorted(value, key=lambda k: k.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(_text(k) + ":" + _write(value[k], depth + 1) for k in names) + "}"
    raise usage("claims", f"a value of type {type(value).__name__} has no JSON")


def encode(value: Any) -> bytes:
    return _write(value, 1).encode("utf-8")


def decode(raw: bytes, what: str) -> Any:
    """Takes the canonical encoding alone."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse_constant)
        same = encode(value) == raw
    except (ValueError, RecursionError, SealwrightError):
        same = False
    if not same:
        raise malformed("format", f"{what} is not an object in canonical JSON")
    return value

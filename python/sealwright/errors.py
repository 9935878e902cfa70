# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as one exception with the library's four parts: status, word, message and hint (docs/formats/errors.md)."""
from __future__ import annotations

from typing import Optional


class SealwrightError(Exception):
    """`status` is what a program acts on ("usage", "malformed", ...), `word` names the case, `message` is one sentence for people.

    Of a text alone it has the status and word of its class: so torch makes an exception anew that a DataLoader's worker raised."""

    _usual = ("internal", "error")

    def __init__(self, status: str, word: Optional[str] = None, message: str = "", hint: str = "") -> None:
        if word is None:
            message, (status, word) = status, self._usual
        super().__init__(f"{message}. {hint}" if hint else message)
        self.status, self.word, self.message, self.hint = status, word, message, hint

    def __reduce__(self):  # an exception of a DataLoader's worker comes over a pipe
        return type(self), (self.status, self.word, self.message, self.hint)


class DataError(SealwrightError, ValueError):
    """Rows that a script cannot read. Names the shard and the row, and never says what stands in it."""

    _usual = ("malformed", "row")


class Diverged(SealwrightError, FloatingPointError):
    """The loss is not a number any more."""

    _usual = ("refused", "diverged")


class GiveUp(Exception):
    """For a script to raise when it will not go on: all that leaves it is that class (CMD-045)."""


def usage(word: str, message: str, hint: str = "") -> SealwrightError:
    return SealwrightError("usage", word, message, hint)


def malformed(word: str, message: str) -> SealwrightError:
    return SealwrightError("malformed", word, message)

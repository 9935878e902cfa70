# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as one exception with the library's four parts: status, word, message and hint (docs/formats/errors.md)."""
from __future__ import annotations


class SealwrightError(Exception):
    """`status` is what a program acts on ("usage", "malformed", ...), `word` names the case, `message` is one sentence for people."""

    def __init__(self, status: str, word: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.status, self.word, self.message, self.hint = status, word, message, hint

    def __reduce__(self):  # an exception of a DataLoader's worker comes over a pipe
        return type(self), (self.status, self.word, self.message, self.hint)


class DataError(SealwrightError, ValueError):
    """Rows that a script cannot read. Names the shard and the row, and never says what stands in it."""


class Diverged(SealwrightError, FloatingPointError):
    """The loss is not a number any more."""


class GiveUp(Exception):
    """For a script to raise when it will not go on: all that leaves it is that class (CMD-045)."""


def usage(word: str, message: str, hint: str = "") -> SealwrightError:
    return SealwrightError("usage", word, message, hint)


def malformed(word: str, message: str) -> SealwrightError:
    return SealwrightError("malformed", word, message)

# SPDX-License-Identifier: Apache-2.0
"""Sealwright for Python.

In a script of a sealed run (SEALWRIGHT=1): `unwrap_dataset`, `SealwrightCallback`, `resume_from`, `sign_manifest`. There is no function
that returns a key. Elsewhere: `Identity`, `seal`, `unseal`, `open_sealed`, `inspect`, `verify` over the installed library.
"""
from __future__ import annotations

import os as _os
from typing import TYPE_CHECKING, Any

from .agent import open_from_environment as _open
from .errors import DataError, Diverged, GiveUp, SealwrightError

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .callback import SealwrightCallback
    from .data import unwrap_dataset
    from .owner import Identity, SealedFile, SealedFacts, inspect, library_version, open_sealed, seal, unseal
    from .script import (finish, log_step, model_folder, plan, resume_from, send_output, send_state, sign_manifest, state_is_due, stop_requested)
    from .verdict import Link, NotVerified, Verdict, verify

# Each name is imported when it is first asked for: a script loads no library of C, and a notebook no torch.
_PLACES = {
    "SealwrightCallback": "callback",
    "unwrap_dataset": "data",
    **dict.fromkeys(("Identity", "SealedFile", "SealedFacts", "inspect", "library_version", "open_sealed", "seal", "unseal"), "owner"),
    **dict.fromkeys(("finish", "log_step", "model_folder", "plan", "resume_from", "send_output", "send_state", "sign_manifest", "state_is_due",
                     "stop_requested"), "script"),
    **dict.fromkeys(("Link", "NotVerified", "Verdict", "verify"), "verdict"),
}
__all__ = ["DataError", "Diverged", "GiveUp", "SealwrightError", "__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f".{_PLACES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_PLACES))


if "SEALWRIGHT_REHEARSAL" in _os.environ:
    from .watch import install as _install

    _install()
_open()

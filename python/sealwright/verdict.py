# SPDX-License-Identifier: Apache-2.0
"""Offline verification of a run's out folder (docs/formats/manifest.md)."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Union

from .errors import SealwrightError
from .library import Call, ffi, hash_of, library, path_of, text


@dataclass(frozen=True)
class Link:
    """One link of the chain from the genesis to the model, and what was checked of it."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True)
class Verdict:
    """That every link holds, as of an entry of the ledger: what came later is not seen offline."""

    links: tuple[Link, ...]
    genesis: str
    compose: str
    manifest: str
    ledger_head: str
    ledger_index: int
    time_ms: int
    steps: int
    simulated: bool
    model_compared: bool


class NotVerified(SealwrightError):
    """A link does not hold, or nobody's expectation was given. `links` has those that were reported."""

    links: tuple[Link, ...] = ()


def verify(folder: Union[str, "os.PathLike[str]"], app: Union[None, str, bytes] = None,
           model: Union[None, str, "os.PathLike[str]"] = None) -> Verdict:
    """Verifies a run's out folder from the genesis hash `app`, which the caller knows from elsewhere. Returns only when every link
    holds. Without `app` all links are walked and it raises with word "app": consistent in itself, compared with nobody's expectation.
    `model` is an opened model's folder, to tie to the manifest."""
    call, out, links = Call(), ffi.new("sealwright_verdict *"), []

    def on_link(context, name, holds, detail):
        links.append(Link(text(name), bool(holds), text(detail)))

    told = ffi.callback("sealwright_link", on_link)
    wanted = ffi.NULL if app is None else hash_of(app, "app")
    status = library().sealwright_manifest_verify(path_of(folder), wanted, ffi.NULL if model is None else path_of(model), told, ffi.NULL,
                                                  out, call.error)
    if status != library().SW_OK:
        why = call.refusal(status)
        refusal = NotVerified(why.status, why.word, why.message, why.hint)
        refusal.links = tuple(links)
        raise refusal
    return Verdict(tuple(links), bytes(out.genesis).hex(), bytes(out.compose).hex(), bytes(out.manifest).hex(), bytes(out.ledger_head).hex(),
                   out.ledger_index, out.time_ms, out.steps, out.simulated, out.model_compared)

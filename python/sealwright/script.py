# SPDX-License-Identifier: Apache-2.0
"""What a script says of itself, call by call; SealwrightCallback and sign_manifest say the same for a Trainer."""
from __future__ import annotations

import io
import os
from typing import Any, Mapping, Optional, Union

from . import agent, canonical, states
from .errors import SealwrightError, usage
from .rows import _map

HISTORY = 512  # losses that claims hold
_resumed: dict[str, str] = {}
_WORDS = ("optim", "lr_scheduler_type")  # texts out of a short list; no other text goes into claims by itself


def model_folder() -> str:
    """Where the recipe's base model lies."""
    return agent.agent().job.model


def plan(total_steps: int) -> None:
    """How many steps this script trains: at most the recipe's max_steps."""
    agent.agent().plan(total_steps)


def log_step(step: int, loss: float, *, tokens: int = 0, learning_rate: float = 0.0, grad_norm: float = 0.0) -> None:
    """A step's record, for the metrics pipe; `tokens` are those since the record before. A loss that is not a number ends the run."""
    agent.agent().metrics(step, float(loss), int(tokens), float(learning_rate), float(grad_norm))


def state_is_due(step: int) -> bool:
    return agent.agent().due(step)


def send_state(step: int, state: states.Source) -> None:
    """What to resume from: bytes, a file, or a folder. The agent seals it."""
    size, body = states.source(state)
    agent.agent().checkpoint(step, size, body)


def stop_requested() -> bool:
    """Whether to end after the step in hand, with a state. Never waits."""
    return agent.agent().stop_requested()


def send_output(name: str, content: states.Source) -> None:
    """One file of the model, after the last step's record."""
    if isinstance(content, (str, os.PathLike)) and os.path.isdir(content):
        raise usage("output", "an output is a file or bytes")
    size, body = states.source(content)
    agent.agent().output(name, size, body)


def finish() -> None:
    """The last word of a script."""
    agent.agent().finish()


def resume_from(below: Optional[str] = None) -> Optional[str]:
    """The folder to resume from, or None: where there is no state, and where there is no agent. A state that was bytes is in
    its folder as the file `state`. It is made once, in `below` or in a new place for temporary files."""
    if not agent.there() or agent.agent().job.resume is None:
        return None
    told = agent.agent().job.resume
    if "folder" not in _resumed:
        data = _map(told.fd, told.bytes, "the state to resume from")
        name = f"checkpoint-{told.step}"
        make = states.unpack if states.is_packed(data) else states.place_bytes
        _resumed["folder"] = make(data, name, below)
    return _resumed["folder"]


# ---- claims ----


def _plain(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, (int, float)) and abs(value) < 2**53)


def _hyperparameters(arguments: Any) -> dict[str, Any]:
    if arguments is None:
        return {}
    listed = arguments.to_dict() if hasattr(arguments, "to_dict") else dict(vars(arguments))
    told = {k: v for k, v in listed.items() if _plain(v)}
    for word in _WORDS:
        value = getattr(listed.get(word), "value", listed.get(word))
        if isinstance(value, str) and len(value) <= 64 and value.isascii():
            told[word] = value
    return told


def _losses(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    logged = [{"step": h["step"], "loss": float(h["loss"])} for h in history if _plain(h.get("loss")) and "step" in h]
    if len(logged) > HISTORY:
        logged = [logged[(len(logged) - 1) * i // (HISTORY - 1)] for i in range(HISTORY)]
    return logged


def claims_of(trainer_or_state: Any) -> dict[str, Any]:
    """Numbers and no text of the script's own: hyperparameters, counts, losses."""
    if isinstance(trainer_or_state, Mapping):
        return dict(trainer_or_state)
    state = getattr(trainer_or_state, "state", trainer_or_state)
    if not hasattr(state, "log_history"):
        raise usage("claims", "sign_manifest takes a trainer, a trainer's state, or an object of claims")
    counts = {"steps": state.global_step, "max_steps": state.max_steps, "epoch": float(state.epoch or 0.0)}
    counts["tokens"] = int(getattr(state, "num_input_tokens_seen", 0) or 0)
    summary = {k: float(v) for h in state.log_history for k, v in h.items() if k == "train_loss" and _plain(v)}
    return {
        "counts": counts,
        "hyperparameters": _hyperparameters(getattr(trainer_or_state, "args", None)),
        "losses": _losses(state.log_history),
        **summary,
    }


def _neither() -> SealwrightError:
    return usage("output", "an output's folder holds files and folders of files alone")


def _paths(folder: str, name: str) -> list[str]:
    """Of the files below the folder `name`, from `folder`, ascending bytewise."""
    found = []
    for place, folders, names in os.walk(os.path.join(folder, name)):
        files = [os.path.join(place, n) for n in names]
        if not all(map(os.path.isfile, files)) or any(os.path.islink(os.path.join(place, n)) for n in folders + names):
            raise _neither()
        found += [os.path.relpath(path, folder) for path in files]
    return sorted(found, key=os.fsencode)


def _archive(folder: str, name: str) -> bytes:
    """The folder `name` as a tar file: the same files give the same bytes."""
    import tarfile

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for inside in _paths(folder, name):
            told = tarfile.TarInfo(inside)
            with open(os.path.join(folder, inside), "rb") as f:
                told.size = os.fstat(f.fileno()).st_size
                tar.addfile(told, f)
    return out.getvalue()


def _saved(trainer_or_state: Any, output: Union[str, "os.PathLike[str]"]) -> str:
    folder = os.fspath(output)
    if not os.path.isdir(folder) and hasattr(trainer_or_state, "save_model"):
        trainer_or_state.save_model(folder)
    return folder


def _output_files(folder: str) -> list[tuple[str, states.Source]]:
    """What lies in the folder. Passed by: training_args.bin, which is a pickle and no part of a model, and a trainer's checkpoints. An
    output's name has no folder, so a folder goes as NAME.tar."""
    files: list[tuple[str, states.Source]] = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name == "training_args.bin" or name.startswith("checkpoint-"):
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            files.append((name + ".tar", _archive(folder, name)))
            continue
        if not os.path.isfile(path) or os.path.islink(path):
            raise _neither()
        files.append((name, path))
    if not files:
        raise usage("output", "an output's folder holds no file")
    return files


def sign_manifest(trainer_or_state: Any, output: Union[None, str, "os.PathLike[str]"] = None) -> None:
    """Ends a sealed run (CMD-062): the files of the folder `output`, a folder in it as NAME.tar, then what the trainer claims, then DONE.

    Where the folder is missing a trainer is asked to save its model there. A run that was stopped ends without output and claims. What
    was sent by send_output before is kept; `output` may then be None. Nothing is sent when the agent would not take all of it.
    """
    speaker = agent.agent()
    if speaker.stopped and speaker.step < speaker.total:
        speaker.finish()
        return
    claims = claims_of(trainer_or_state)
    canonical.encode(claims)  # what cannot be said is refused before the model is saved
    files = [] if output is None else _output_files(_saved(trainer_or_state, output))
    ready = [(name, *states.source(content)) for name, content in files]
    listed = [(name, size) for name, size, _ in ready]
    if listed:
        speaker.check_outputs(listed)
    if listed or speaker.names:
        speaker.check_claims(claims, listed)
    for name, size, body in ready:
        speaker.output(name, size, body)
    if speaker.names:
        speaker.claims(claims)
    speaker.finish()

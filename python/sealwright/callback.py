# SPDX-License-Identifier: Apache-2.0
"""A transformers TrainerCallback that is a script's whole conversation with the agent while it trains (CMD-063)."""
from __future__ import annotations

import os
import shutil
from typing import Any, Optional

from transformers import TrainerCallback

from . import agent, script
from .errors import usage


class SealwrightCallback(TrainerCallback):
    """PLAN at the beginning, STEP at each log, CHECKPOINT at the recipe's steps, an end with a state after STOP.

    The recipe decides at which steps states are taken: the trainer's own save_strategy adds none and takes none away. A step whose state
    is due is logged as well, and so are the last step and the one after which a run stops. `keep_checkpoints` leaves the trainer's
    folders where they are after the agent has them; they are kept as well where the best model is loaded at the end.
    """

    def __init__(self, keep_checkpoints: bool = False) -> None:
        self._agent = agent.agent()
        self._keep = keep_checkpoints
        self._seen = {"num_tokens": 0, "input": 0}  # at the record before: by TRL's count, and by transformers' own

    def on_init_end(self, args, state, control, **kwargs: Any):
        """The state to resume from becomes the last checkpoint in the trainer's own folder, where a script that resumes looks for it."""
        script.resume_from(below=args.output_dir)
        return control

    def on_train_begin(self, args, state, control, **kwargs: Any):
        resume = self._agent.job.resume
        if resume is not None and state.global_step != resume.step:
            raise usage("resume", f"this run resumes after step {resume.step} and the trainer begins at {state.global_step}",
                        "trainer.train(resume_from_checkpoint=resume_from())")
        self._agent.plan(state.max_steps)
        self._seen["input"] = int(state.num_input_tokens_seen or 0)
        return control

    def _tokens(self, state, logs) -> int:
        """Those since the record before; a count that begins anew when training resumes makes no difference."""
        now = {"num_tokens": int(logs.get("num_tokens") or 0), "input": int(state.num_input_tokens_seen or 0)}
        since = {name: max(0, count - self._seen[name]) for name, count in now.items()}
        self._seen = now
        return since["num_tokens"] or since["input"]

    def on_step_end(self, args, state, control, **kwargs: Any):
        speaker, step = self._agent, state.global_step
        if speaker.stop_requested() and step < speaker.total:
            control.should_training_stop = True
        control.should_save = control.should_save and self._wants_own(args)
        if speaker.due(step):
            control.should_save = True
        if control.should_save or speaker.stopped or step >= speaker.total:
            control.should_log = True
        return control

    def on_epoch_end(self, args, state, control, **kwargs: Any):
        control.should_save = control.should_save and self._wants_own(args)
        return control

    @staticmethod
    def _loss_of(args, logs) -> Optional[float]:
        """PPO's loss is logged in its two parts."""
        if "loss/policy_avg" in logs and "loss/value_avg" in logs:
            return logs["loss/policy_avg"] + args.vf_coef * logs["loss/value_avg"]
        return logs.get("loss")

    def on_log(self, args, state, control, logs=None, **kwargs: Any):
        logs, speaker = logs or {}, self._agent
        loss = self._loss_of(args, logs)
        if loss is not None and state.global_step > speaker.step:
            script.log_step(
                state.global_step,
                loss,
                tokens=self._tokens(state, logs),
                learning_rate=logs.get("learning_rate") or logs.get("lr") or 0.0,
                grad_norm=logs.get("grad_norm") or 0.0,
            )
        return control

    def on_save(self, args, state, control, **kwargs: Any):
        speaker, step = self._agent, state.global_step
        if step <= speaker.state_step or not speaker.due(step):
            return control
        folder = os.path.join(args.output_dir, f"checkpoint-{step}")
        script.send_state(step, folder)
        if not self._keep and not self._wants_own(args):
            shutil.rmtree(folder)
        return control

    @staticmethod
    def _wants_own(args) -> bool:
        """Its own checkpoints matter to a trainer that loads the best of them."""
        return bool(args.load_best_model_at_end)

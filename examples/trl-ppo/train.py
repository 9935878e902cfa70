import os

from sealwright import SealwrightCallback, sign_manifest, unwrap_dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.experimental.ppo import PPOConfig, PPOTrainer

path = os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct")
tokenizer = AutoTokenizer.from_pretrained(path, padding_side="left")
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token


def scorer():
    """A reward model would come out of examples/trl-reward; here its head is as it was drawn."""
    return AutoModelForSequenceClassification.from_pretrained(path, num_labels=1, pad_token_id=tokenizer.pad_token_id)


def tokens(row):
    return {"input_ids": tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)}


trainer = PPOTrainer(
    args=PPOConfig(
        output_dir="/tmp/run",
        total_episodes=12,
        per_device_train_batch_size=4,
        num_ppo_epochs=2,
        response_length=16,
        stop_token="eos",
        missing_eos_penalty=1.0,
        learning_rate=1e-5,
        num_sample_generations=0,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    processing_class=tokenizer,
    model=AutoModelForCausalLM.from_pretrained(path),
    ref_model=AutoModelForCausalLM.from_pretrained(path),
    reward_model=scorer(),
    value_model=scorer(),
    train_dataset=unwrap_dataset().map(tokens, remove_columns=["prompt", "completion"]), callbacks=[SealwrightCallback()],
)
trainer.train()
sign_manifest(trainer, output="/tmp/model")

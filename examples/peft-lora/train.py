import os

from sealwright import SealwrightCallback, sign_manifest, unwrap_dataset
from peft import LoraConfig
from transformers.trainer_utils import get_last_checkpoint
from trl import SFTConfig, SFTTrainer

trainer = SFTTrainer(
    model=os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    args=SFTConfig(
        output_dir="/tmp/run",
        max_steps=12,
        per_device_train_batch_size=4,
        learning_rate=2e-3,
        max_length=128,
        logging_steps=1,
        save_steps=4,
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"]),
    train_dataset=unwrap_dataset(), callbacks=[SealwrightCallback()],
)
trainer.train(resume_from_checkpoint=os.path.isdir("/tmp/run") and get_last_checkpoint("/tmp/run"))
sign_manifest(trainer, output="/tmp/model")

import os

from datasets import load_dataset
from trl import RewardConfig, RewardTrainer

trainer = RewardTrainer(
    model=os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    args=RewardConfig(
        output_dir="/tmp/run",
        max_steps=6,
        per_device_train_batch_size=2,
        learning_rate=1e-4,
        max_length=512,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    train_dataset=load_dataset("json", data_files="data/*.jsonl", split="train"),
)
trainer.train()
trainer.save_model("/tmp/model")

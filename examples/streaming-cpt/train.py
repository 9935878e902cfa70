import os

from sealwright import SealwrightCallback, sign_manifest, unwrap_dataset
from trl import SFTConfig, SFTTrainer

trainer = SFTTrainer(
    model=os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    args=SFTConfig(
        output_dir="/tmp/run",
        max_steps=6,
        per_device_train_batch_size=2,
        learning_rate=1e-4,
        max_length=128,
        packing=True,
        packing_strategy="wrapped",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    train_dataset=unwrap_dataset(streaming=True), callbacks=[SealwrightCallback()],
)
trainer.train()
sign_manifest(trainer, output="/tmp/model")

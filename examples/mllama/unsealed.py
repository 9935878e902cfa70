import base64
import io
import os

from datasets import load_dataset
from PIL import Image
from transformers import AutoProcessor, MllamaForConditionalGeneration
from trl import SFTConfig, SFTTrainer

path = os.environ.get("MODEL", "meta-llama/Llama-3.2-11B-Vision-Instruct")
model = MllamaForConditionalGeneration.from_pretrained(path)
for name, weight in model.named_parameters():  # the projector and the language model learn, the eye does not
    weight.requires_grad = "vision_model" not in name


def pictures(rows):
    """A row's picture is base64 of a PNG; it is taken apart when the batch is made, and is never a file."""
    opened = [[Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")] for text in rows.pop("png")]
    return {**rows, "images": opened}


trainer = SFTTrainer(
    model=model,
    args=SFTConfig(
        output_dir="/tmp/run",
        max_steps=4,
        per_device_train_batch_size=2,
        learning_rate=1e-3,
        max_length=None,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
        remove_unused_columns=False,
    ),
    processing_class=AutoProcessor.from_pretrained(path),
    train_dataset=load_dataset("json", data_files="data/*.jsonl", split="train").with_transform(pictures),
)
trainer.train()
trainer.save_model("/tmp/model")

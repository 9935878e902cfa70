import os

import torch
from datasets import load_dataset
from peft import LoraConfig, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from trl import SFTConfig, SFTTrainer

model = AutoModelForCausalLM.from_pretrained(
    os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"),
    quantization_config=BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.float32
    ),
    device_map="cpu",
)
trainer = SFTTrainer(
    model=prepare_model_for_kbit_training(model),
    args=SFTConfig(
        output_dir="/tmp/run",
        max_steps=6,
        per_device_train_batch_size=4,
        learning_rate=2e-3,
        max_length=128,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        bf16=False,
    ),
    peft_config=LoraConfig(task_type="CAUSAL_LM", r=8, lora_alpha=16, target_modules="all-linear"),
    train_dataset=load_dataset("json", data_files="data/*.jsonl", split="train"),
)
trainer.train()
trainer.save_model("/tmp/model")

import os

from datasets import load_dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

body = Transformer(os.environ.get("MODEL", "HuggingFaceTB/SmolLM2-135M-Instruct"), model_kwargs={"dtype": "float32"}, max_seq_length=64)
if body.tokenizer.pad_token is None:
    body.tokenizer.pad_token = body.tokenizer.eos_token
model = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), pooling_mode="mean")], device="cpu")
trainer = SentenceTransformerTrainer(
    model=model,
    args=SentenceTransformerTrainingArguments(
        output_dir="/tmp/run",
        max_steps=6,
        per_device_train_batch_size=8,
        learning_rate=5e-4,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
    ),
    loss=MultipleNegativesRankingLoss(model),
    train_dataset=load_dataset("json", data_files="data/*.jsonl", split="train"),
)
trainer.train()
trainer.save_model("/tmp/model")

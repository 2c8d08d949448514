"""The same workload in TRL's DPOTrainer: reads what `linvox_bench workload` and `linvox_bench train` wrote.

    trl_train.py DIR bf16|f32 BATCH ACCUMULATE STEPS [liger] [ckpt]

The first STEPS steps of DIR/order.json, BATCH pairs at a time, ACCUMULATE times a step. The reference is precomputed
before the clock starts. liger: Liger's kernels in the layers (a GPU only); ckpt: activations are computed again in
backward. Prints one JSON object as `linvox_bench train` does. On a GPU, peak_gib is the memory that torch allocated
there in training, and steps end when the GPU is done; passes are not waited for, to leave TRL at its own speed.
"""

import importlib.metadata
import json
import os
import resource
import sys
import time

import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import DPOConfig, DPOTrainer


def ids_tokenizer(size):
    """Token t<i> has the id i; </s> is 1."""
    vocabulary = {f"t{i}": i for i in range(size) if i != 1} | {"</s>": 1}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="t0")


def words(ids):
    return " ".join("</s>" if i == 1 else f"t{i}" for i in ids)


class InOrder(DPOTrainer):
    def _get_train_sampler(self, *args, **kwargs):
        return SequentialSampler(self.train_dataset)


def on_gpu():
    return torch.cuda.is_available()


def wait_for_gpu():
    if on_gpu():
        torch.cuda.synchronize()


class Clock(TrainerCallback):
    def __init__(self):
        self.seconds, self.losses, self.last = [], [], 0.0
        self.pass_seconds, self.last_pass = [], 0.0

    def on_train_begin(self, *args, **kwargs):
        wait_for_gpu()
        if on_gpu():
            torch.cuda.reset_peak_memory_stats()
        self.last = self.last_pass = time.perf_counter()

    def on_substep_end(self, *args, **kwargs):
        now = time.perf_counter()
        self.pass_seconds.append(now - self.last_pass)
        self.last_pass = now

    def on_step_end(self, *args, **kwargs):
        wait_for_gpu()
        self.on_substep_end()  # the last pass of a step, with the optimiser's work
        now = self.last_pass
        self.seconds.append(now - self.last)
        self.last = now

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.losses.append(logs["loss"])


def peak():
    if not on_gpu():
        return {"peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
    return {
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
        "peak_reserved_gib": torch.cuda.max_memory_reserved() / 2**30,
    }


def versions(options):
    names = ["trl", "transformers", "accelerate"] + ["liger_kernel"] * ("liger" in options)
    return {"torch": torch.__version__} | {name: importlib.metadata.version(name) for name in names}


def main():
    folder, precision, batch, accumulate = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    options = sys.argv[6:]
    assert set(options) <= {"liger", "ckpt"}, f"options are liger and ckpt, not {options}"
    records = [json.loads(line) for line in open(f"{folder}/pairs.jsonl")]
    order = json.load(open(f"{folder}/order.json"))[: int(sys.argv[5])]
    rows = [
        {"prompt": words(records[i]["prompt"]), "chosen": " " + words(records[i]["chosen"]), "rejected": " " + words(r)}
        for step in order
        for i in step
        for r in records[i]["rejected"]
    ]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(f"{folder}/model", dtype=dtype, attn_implementation="sdpa")
    config = DPOConfig(
        output_dir=f"{folder}/trl",
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulate,
        max_steps=len(order),
        learning_rate=1e-5,
        lr_scheduler_type="constant",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        beta=0.1,
        max_length=None,
        precompute_ref_log_probs=True,
        gradient_checkpointing="ckpt" in options,
        gradient_checkpointing_kwargs={"use_reentrant": False} if "ckpt" in options else None,
        use_liger_kernel="liger" in options,
        bf16=False,
        use_cpu=not on_gpu(),
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_num_workers=0,
    )
    clock = Clock()
    with open(os.devnull, "w") as quiet:
        stdout, sys.stdout = sys.stdout, quiet
        trainer = InOrder(
            model,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=ids_tokenizer(model.config.vocab_size),
            callbacks=[clock],
        )
        first = trainer.train_dataset[0]
        assert first["chosen_ids"] == records[order[0][0]]["chosen"], "TRL trains on other ids"
        trainer.train()
        sys.stdout = stdout
    repeated = [
        sum(
            2 * len(records[i]["prompt"]) + len(records[i]["chosen"]) + len(r)
            for i in step
            for r in records[i]["rejected"]
        )
        for step in order
    ]
    print(
        json.dumps(
            {
                "trainer": "trl",
                "precision": precision,
                "batch_pairs": batch * accumulate,
                "batch": batch,
                "seconds": clock.seconds,
                "pass_seconds": clock.pass_seconds,
                "losses": clock.losses,
                "pairs": [sum(len(records[i]["rejected"]) for i in step) for step in order],
                "tokens": repeated,
                "options": options,
                "device": torch.cuda.get_device_name() if on_gpu() else "cpu",
                "versions": versions(options),
            }
            | peak()
        )
    )


main()

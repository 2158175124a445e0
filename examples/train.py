"""Train a tiny audio-text model from a stream with a rebalance plan, and resume it in the middle.

    audio-flan demo && audio-flan build demo demo-indexed
    python examples/train.py demo-indexed --steps 10     # stops after ten steps
    python examples/train.py demo-indexed --steps 20     # goes on with the eleventh batch

The model hears log spectra and spells the answer, byte by byte. What it learns in 20 steps is which letters
there are; the point is how the data come in.
"""

import argparse
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from torch import nn

import audio_flan

BEGIN, PAD = 256, 257
RATE, HOP, BINS = 16_000, 320, 201
ANSWER_BYTES = 96


class TinyAudioText(nn.Module):
    """A recurrent encoder of sound, whose last state a recurrent speller of bytes begins with."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.hear = nn.GRU(BINS, width, batch_first=True)
        self.spell = nn.GRU(width, width, batch_first=True)
        self.letters = nn.Embedding(258, width)
        self.guess = nn.Linear(width, 256)

    def forward(self, sound: torch.Tensor, frames: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Return logits (rows, letters, 256) of spectra (rows, frames, BINS) and letters (rows, letters)."""
        packed = nn.utils.rnn.pack_padded_sequence(sound, frames, batch_first=True, enforce_sorted=False)
        _, heard = self.hear(packed)
        return self.guess(self.spell(self.letters(text), heard)[0])


def spectra(batch: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log spectra (clips, frames, BINS) of a padded batch, and how many frames each clip has."""
    window = torch.hann_window(400)
    found = torch.stft(batch["input_audio"], 400, HOP, window=window, return_complex=True).abs()
    return torch.log1p(100 * found).transpose(1, 2), batch["input_audio_lengths"] // HOP + 1


def answers(texts: list[str]) -> torch.Tensor:
    """Return the texts as bytes (texts, letters), the first BEGIN, cut and padded."""
    letters = [torch.tensor([BEGIN, *text.encode()[:ANSWER_BYTES]]) for text in texts]
    return nn.utils.rnn.pad_sequence(letters, batch_first=True, padding_value=PAD)


def loss_of(model: nn.Module, batch: dict) -> torch.Tensor:
    """Return the mean loss of a letter. Of a row with several clips, the first is heard."""
    sound, frames = spectra(batch)
    rows = range(len(batch["output"]))
    first = torch.stack([(batch["input_audio_rows"] == row).nonzero()[0, 0] for row in rows])
    text = answers(batch["output"])
    logits = model(sound[first], frames[first], text[:, :-1])
    return nn.functional.cross_entropy(logits.transpose(1, 2), text[:, 1:], ignore_index=PAD)


def main() -> None:
    """Train, from the checkpoint if there is one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default="demo-indexed", help="data in a built form")
    parser.add_argument("--steps", type=int, default=20, help="stop after so many steps in all")
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoint.pt"))
    options = parser.parse_args()

    # The three domains alike, small tasks raised (p ~ n^0.5), nothing more than four times.
    plan = audio_flan.rebalance(
        options.root,
        where="list_length(input_audio_ids) > 0 AND list_length(output_audio_ids) = 0",
        domain={"speech": 1 / 3, "music": 1 / 3, "audio": 1 / 3},
        alpha=0.5,
    )
    rows = audio_flan.stream(
        options.root, plan=plan, shuffle=True, decode_threads=2, sampling_rate=RATE, channels=1
    )
    collate = partial(audio_flan.collate, layout="padded", sampling_rate=RATE, channels=1)
    batches = audio_flan.batches(rows, batch_size=8, collate=collate)

    torch.set_num_threads(1)  # so small a model is faster without
    torch.manual_seed(0)
    model = TinyAudioText()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step = 0
    if options.checkpoint.exists():
        saved = torch.load(options.checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        batches.load_state_dict(saved["batches"])
        step = saved["step"]
        print(f"resumed after step {step}")

    while step < options.steps:  # the plan says how many rows an epoch has
        for batch in batches:
            loss = loss_of(model, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            domains = Counter(batch["domain"])
            shown = ", ".join(f"{domains[name]} {name}" for name in ("speech", "music", "audio"))
            print(f"step {step:2d}  loss {loss.item():.4f}  {shown}")
            if step == options.steps:
                break
        else:
            batches.set_epoch(batches.stream.epoch + 1)
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "batches": batches.state_dict(),
    }
    torch.save(state, options.checkpoint)


if __name__ == "__main__":
    main()

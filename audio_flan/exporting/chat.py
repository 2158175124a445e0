"""Rows as conversations, in the formats that trainers document.

``qwen2-audio``: messages whose content is a list of texts and of clips by ``audio_url``, as the chat template
of Qwen2-Audio takes them. ``ms-swift`` and ``llama-factory``: messages with a tag ``<audio>`` for each clip
of ``audios``. All of them train on text answers: a row whose output holds audio cannot be said in them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from audio_flan.exporting.request import Style
from audio_flan.records import Reason

_TOKEN = re.compile(r"<\|SOA\|>(?:(?!<\|(?:SOA|EOA)\|>)[^\r\n])+<\|EOA\|>")
_TAG: Final = "<audio>"
_TAGS: Final = {
    "qwen2-audio": (),
    "ms-swift": (_TAG, "<image>", "<video>", "<bbox>", "<ref-object>", "<cot-process>", "<start-image>"),
    "llama-factory": (_TAG, "<image>", "<video>"),
}
_TOKENS: Final = (
    *("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>"),
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>"),
)
"""Of clips and turns, whichever trainer puts them there."""


class NotCarriedError(ValueError):
    """A row that a style cannot say."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


def check_carried(row: Mapping[str, Any], style: Style) -> None:
    """Refuse a row that a style cannot say.

    Raises
    ------
    NotCarriedError
    """
    if row["output_audio_ids"]:
        raise NotCarriedError(
            Reason.AUDIO_IN_OUTPUT, f"the output holds audio, and {style} trains on text answers"
        )
    for field in ("instruction", "input", "output"):
        for tag in (*_TAGS[style], *_TOKENS):
            if tag in row[field]:
                raise NotCarriedError(
                    Reason.RESERVED_TAG, f"the {field} holds {tag}, which {style} would not read as text"
                )


def conversation(row: Mapping[str, Any], paths: Sequence[str], style: Style) -> dict[str, Any]:
    """Return a row as the object of one line.

    Parameters
    ----------
    row : mapping
        One that `check_carried` has passed.
    paths : sequence of str
        Where the clips of the input are, in the order of the text.
    """
    question = "\n".join(text for text in (row["instruction"], row["input"]) if text)
    answer = row["output"]
    if style == "qwen2-audio":
        return {
            "messages": [
                {"role": "user", "content": list(_contents(question, paths))},
                {"role": "assistant", "content": [{"type": "text", "text": answer}]},
            ]
        }
    return {
        "messages": [
            {"role": "user", "content": _TOKEN.sub(_TAG, question)},
            {"role": "assistant", "content": answer},
        ],
        "audios": list(paths),
    }


def _contents(question: str, paths: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield texts and clips in their order; white space around a clip alone is no text.

    The chat template ends the line behind a clip.
    """
    clips = iter(paths)
    for number, text in enumerate(_TOKEN.split(question)):
        if number:
            yield {"type": "audio", "audio_url": next(clips)}
        if text.strip():
            yield {"type": "text", "text": text.removeprefix("\n") if number else text}


def dataset_info(splits: Sequence[str]) -> dict[str, Any]:
    """Return the ``dataset_info.json`` of LLaMA-Factory for the files of these splits."""
    return {
        f"audio_flan_{split}": {
            "file_name": f"{split}.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "messages", "audios": "audios"},
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
            },
        }
        for split in splits
    }

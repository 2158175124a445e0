"""The dataset card of a root, from its manifest: README.md with YAML for ``datasets``, and Croissant."""

from audio_flan.card.croissant import CROISSANT_NAME, croissant, croissant_text
from audio_flan.card.front_matter import CardError
from audio_flan.card.metadata import SAMPLE, card_metadata
from audio_flan.card.sources import Source, find_source, licence_of
from audio_flan.card.text import card_text
from audio_flan.card.write import CARD_NAME, check_card, make_card, make_card_files, repo_of_card, write_card

__all__ = [
    "CARD_NAME",
    "CROISSANT_NAME",
    "SAMPLE",
    "CardError",
    "Source",
    "card_metadata",
    "card_text",
    "check_card",
    "croissant",
    "croissant_text",
    "find_source",
    "licence_of",
    "make_card",
    "make_card_files",
    "repo_of_card",
    "write_card",
]

"""The dataset card: README.md of a root, whose YAML plain ``datasets`` loads by, from the manifest."""

from audio_flan.card.front_matter import CardError
from audio_flan.card.metadata import SAMPLE, card_metadata
from audio_flan.card.sources import Source, find_source, licence_of
from audio_flan.card.text import card_text
from audio_flan.card.write import CARD_NAME, make_card, repo_of_card, write_card

__all__ = [
    "CARD_NAME",
    "SAMPLE",
    "CardError",
    "Source",
    "card_metadata",
    "card_text",
    "find_source",
    "licence_of",
    "make_card",
    "repo_of_card",
    "write_card",
]

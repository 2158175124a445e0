"""A card as the YAML between its first two lines of dashes, and the text after them."""

from typing import Any

_RULE = "---"


class CardError(ValueError):
    """A README.md that cannot be taken apart."""


def parse_card(card: str) -> tuple[dict[str, Any], str]:
    """Return the YAML of a card, and its text.

    Raises
    ------
    CardError
        When the YAML cannot be read.
    """
    import yaml

    lines = card.split("\n")
    if lines[0].rstrip() != _RULE:
        return {}, card
    ends = (number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == _RULE)
    end = next(ends, None)
    if end is None:
        raise CardError("the YAML at the top has no end: a line `---` is missing")
    try:
        metadata = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        raise CardError(f"the YAML at the top cannot be read: {error}") from None
    if not isinstance(metadata, dict | None):
        raise CardError(f"the YAML at the top must be a mapping, got {type(metadata).__name__}")
    return metadata or {}, "\n".join(lines[end + 1 :])


def format_card(metadata: dict[str, Any], text: str) -> str:
    """Return the card of which `parse_card` gives these."""
    import yaml

    front = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=1_000_000)
    return f"{_RULE}\n{front}{_RULE}\n{text}"

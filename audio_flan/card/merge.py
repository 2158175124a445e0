"""A new card in place of an old one, in which people may have written."""

from typing import Any, Final

from audio_flan.card.front_matter import CardError, format_card, parse_card
from audio_flan.card.metadata import LICENCES_ANCHOR, OWNED

BEGIN: Final = "<!-- audio-flan card: begin. What stands between these two lines is written anew. -->"
END: Final = "<!-- audio-flan card: end -->"


def merge_card(metadata: dict[str, Any], text: str, existing: str = "") -> str:
    """Put what is generated into a card.

    The text goes between `BEGIN` and `END`; what people wrote around them stays, and a card that has no such
    lines yet gets them at its end. Of the YAML, the keys `OWNED` are replaced; another one stays as it is
    where the card has it.

    Raises
    ------
    CardError
        When the YAML of `existing` cannot be read, or only one of the two lines is there.
    """
    found, around = parse_card(existing)
    if str(found.get("license_link", "")).endswith(LICENCES_ANCHOR):
        del found["license_link"]  # ours, perhaps to another repo
    merged = metadata | {key: value for key, value in found.items() if key not in OWNED}
    last = {key: merged.pop(key) for key in OWNED if key in merged}
    block = f"{BEGIN}\n\n{text}\n{END}"
    return format_card(merged | last, _replace_block(around, block))


def _replace_block(around: str, block: str) -> str:
    counts = around.count(BEGIN), around.count(END)
    if counts == (0, 0):
        written = around.strip("\n")
        return f"\n{written}\n\n{block}\n" if written else f"\n{block}\n"
    before, _, rest = around.partition(BEGIN)
    _, _, after = rest.partition(END)
    if counts != (1, 1) or END not in rest:
        raise CardError(
            f"expected the line {BEGIN!r} once and then {END!r} once, found {counts[0]} and {counts[1]} in "
            "another order: mend or remove them"
        )
    return f"{before}{block}{after}"

"""The order in which rows are written."""

from collections.abc import Iterator, Mapping

from xxhash import xxh3_128_digest


def shuffled(draws: Mapping[bytes, int], seed: int) -> Iterator[tuple[bytes, int]]:
    """Yield each line as often as it is drawn, with the number of the repeat from 0, in pseudo-random order.

    The order depends on the lines and the seed alone, and repeats have places of their own.
    """
    keyed = [
        (xxh3_128_digest(b"%d %s" % (repeat, line), seed=seed & 0xFFFF_FFFF_FFFF_FFFF), line, repeat)
        for line, count in draws.items()
        for repeat in range(count)
    ]
    for _, line, repeat in sorted(keyed):
        yield line, repeat

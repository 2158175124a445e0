"""A clip that is decoded when its samples are asked for."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from audio_flan.waveform.cell_path import CellPath, clip_of_cell
from audio_flan.waveform.channels import remix
from audio_flan.waveform.decoders.ladder import decoder_for
from audio_flan.waveform.errors import AudioError, ClipError, ClipFault
from audio_flan.waveform.header import AudioHeader, NeedsWholeClip, read_header
from audio_flan.waveform.resample import resample, resampled_frames
from audio_flan.waveform.samples import AudioSamples, AudioStreamMetadata
from audio_flan.waveform.sources import ClipSource, FileSource, RangeSource, likely_id, source_of_cell

_MAX_SAMPLES_PER_BYTE = 2**16
"""More is a lie about the length: the densest there is are FLAC blocks of silence in eight channels."""
KEPT_BYTES = 2**20
"""A clip up to this size, in bytes, is read and kept whole when its header is asked for."""
_ON_DISK = (FileSource, RangeSource)
"""Sources that are quick to read once more: what they gave is let go of once it has been decoded."""

_CELL_KEYS = ("bytes", "path", "id")


class LazyAudio(Mapping[str, Any], str):
    """A clip: facts at once, samples on demand, every failure an `AudioError` that names it.

    It can be used in three ways:

    - directly: `decode` gives float32 samples, of a segment if wanted;
    - like the audio of `datasets`: ``audio["array"]``, ``audio["sampling_rate"]``, `get_all_samples`;
    - as a mapping it *is* the cell that a `datasets.Audio` column stores, ``{"bytes": ..., "path": ...}``,
      and the clip's ``id``, so that rows can be written again without being decoded. ``"array" in audio`` is
      therefore False: it is computed, not stored.

    It is a `str`, the clip's id, since what handles rows hands strings on untouched: the torch and numpy
    formats of `datasets`, torch's collate functions and `pin_memory`. Where a mapping is copied instead, its
    ``path`` remembers the clip it belongs to, so that `LazyAudio` of such a copy is the same clip again, with
    the same id, rate and channels.

    Two objects are equal only if they are the same one. Pickling keeps where the clip is, not its bytes.

    Parameters
    ----------
    source
        Where the encoded clip is; or a cell, a mapping with ``bytes`` and ``path``.
    audio_id
        The clip's id; by default what `likely_id` makes of its location.
    data
        The encoded clip, if it has been read already.
    header
        Facts of the clip known from elsewhere, such as an index. Decoding checks them.
    sampling_rate
        Rate in Hz to which decoding resamples; None keeps the clip's own.
    channels
        Channels that decoding returns, as in `decode`; None keeps the clip's own.
    """

    __slots__ = ("_channels", "_data", "_header", "_samples", "_sampling_rate", "_source", "id")

    id: str
    _source: ClipSource
    _data: bytes | None
    _header: AudioHeader | None
    _sampling_rate: int | None
    _channels: int | None
    _samples: NDArray[np.float32] | None

    def __new__(
        cls,
        source: ClipSource | Mapping[str, Any],
        audio_id: str | None = None,
        *,
        data: bytes | None = None,
        header: AudioHeader | None = None,
        sampling_rate: int | None = None,
        channels: int | None = None,
    ) -> Self:
        """Make the clip, as all of a string is made here."""
        if isinstance(source, Mapping):
            known = clip_of_cell(source)
            if known is None:
                source, own_id = source_of_cell(source)
            else:
                own_id = known.id
                source, data, header, own_rate, own_channels = known.state
                sampling_rate = own_rate if sampling_rate is None else sampling_rate
                channels = own_channels if channels is None else channels
            audio_id = own_id if audio_id is None else audio_id
        elif audio_id is None:
            audio_id = likely_id(source.location)
        self = str.__new__(cls, audio_id)
        self.id = audio_id if type(audio_id) is str else str.__str__(self)
        self._source, self._data, self._header = source, data, header
        self._sampling_rate, self._channels, self._samples = sampling_rate, channels, None
        return self

    # Facts

    @property
    def source(self) -> ClipSource:
        """Where the encoded clip is."""
        return self._source

    @property
    def location(self) -> str:
        """The path or URL of the clip."""
        return self._source.location

    @property
    def header(self) -> AudioHeader:
        """Facts of the encoded clip, read from its beginning when first asked for."""
        header = self._header
        if header is None:
            try:
                header = self._header = self._read_header()
            except (ClipError, OSError) as error:
                self._fail(error)
        return header

    @property
    def sampling_rate(self) -> int:
        """Samples per second and channel of what decoding returns, in Hz."""
        return self._sampling_rate or self.header.sampling_rate

    @property
    def channels(self) -> int:
        """Number of channels of what decoding returns."""
        return self._channels or self.header.channels

    @property
    def frames(self) -> int:
        """Length in frames (samples per channel) of what decoding returns."""
        header = self.header
        return resampled_frames(header.frames, header.sampling_rate, self.sampling_rate)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.header.seconds

    @property
    def format(self) -> str:  # type: ignore[override] # a clip has a format, and is no template
        """Container format in capitals, such as ``WAV``, ``FLAC``, ``OGG`` or ``MP3``."""
        return self.header.format

    @property
    def metadata(self) -> AudioStreamMetadata:
        """The facts under the names torchcodec gives them."""
        header, seconds = self.header, self.seconds
        codec = "flac" if header.format == "FLAC" else (header.subtype or header.format).lower()
        return AudioStreamMetadata(
            self.sampling_rate, self.channels, seconds, seconds, codec, self._source.location
        )

    # Samples

    def decode(
        self,
        start_s: float = 0.0,
        end_s: float | None = None,
        sampling_rate: int | None = None,
        channels: int | None = None,
    ) -> NDArray[np.float32]:
        """Decode the clip or the segment [start_s, end_s) of it.

        Parameters
        ----------
        start_s
            Beginning of the segment in seconds; the frame is ``round(start_s * rate of the clip)``.
        end_s
            End of the segment in seconds, not included; beyond the clip's end, or None: the clip's end.
        sampling_rate
            Rate in Hz to resample to; None: the one this object was made with, or else the clip's own.
        channels
            1 averages all channels; n copies a mono clip n times; the clip's own number or None keeps them.
            None falls back on the number this object was made with.

        Returns
        -------
        ndarray of float32, shape (channels, frames)
            Full scale ±1.0; writable, C-contiguous and shared with nobody.

        Raises
        ------
        AudioError
            The clip cannot be read, or is not whole and sound.
        ValueError
            The segment does not lie in the clip, or the channels cannot be had without a choice.
        """
        channels = self._channels if channels is None else channels
        rate = self._sampling_rate if sampling_rate is None else sampling_rate
        samples, self._samples = self._samples, None
        if samples is not None and start_s == 0 and end_s is None:
            header = self.header
            wanted = rate or header.sampling_rate, channels or header.channels
            if wanted == (self.sampling_rate, self.channels):
                return samples
        # What was decoded ahead is as this object was made; only of what is as stored can all else be made.
        if samples is None or start_s != 0 or end_s is not None or self._sampling_rate or self._channels:
            samples = self._decode(start_s, end_s)
        if channels is not None:
            samples = remix(samples, channels, self.id)
        if rate is not None and rate != self.header.sampling_rate:
            if type(rate) is not int or rate <= 0:
                message = f"audio {self.id!r}: sampling_rate must be a positive number of Hz, got {rate!r}"
                raise ValueError(message)
            samples = resample(samples, self.header.sampling_rate, rate)
        return samples

    def preload(self) -> None:
        """Decode the whole clip now, and keep the samples for the first `decode` that wants them like that.

        Raises
        ------
        AudioError
            The clip cannot be read, or is not whole and sound: after this call that is known.
        ValueError
            As in `decode`.
        """
        if self._samples is None:
            self._samples = self.decode()

    @property
    def held_bytes(self) -> int:
        """Memory that the clip holds, in bytes: samples decoded ahead, and its encoded bytes."""
        samples, data = self._samples, self._data
        return (0 if samples is None else samples.nbytes) + (0 if data is None else len(data))

    def get_all_samples(self) -> AudioSamples:
        """Decode the whole clip, as torchcodec's method does.

        Returns
        -------
        AudioSamples
            With a torch tensor of shape (channels, frames) if torch is installed.

        Raises
        ------
        AudioError
            The clip cannot be read, or is not whole and sound.
        """
        return AudioSamples.of(self.decode(), 0.0, self.sampling_rate)

    def get_samples_played_in_range(
        self, start_seconds: float = 0.0, stop_seconds: float | None = None
    ) -> AudioSamples:
        """Decode the half-open range [start_seconds, stop_seconds), as torchcodec's method does.

        Parameters
        ----------
        start_seconds
            Beginning, in seconds.
        stop_seconds
            End, in seconds, not included; None: the clip's end.

        Returns
        -------
        AudioSamples
            With a torch tensor of shape (channels, frames) if torch is installed.

        Raises
        ------
        AudioError
            The clip cannot be read, or is not whole and sound.
        ValueError
            The range does not lie in the clip.
        """
        samples = self.decode(start_seconds, stop_seconds)
        rate = self.header.sampling_rate
        return AudioSamples.of(samples, round(start_seconds * rate) / rate, self.sampling_rate)

    def encoded(self) -> bytes:
        """Give the clip's bytes as they are stored.

        Raises
        ------
        AudioError
            They cannot be read.
        """
        try:
            return self._source.read() if self._data is None else self._data
        except (ClipError, OSError) as error:
            self._fail(error)

    def with_options(self, *, sampling_rate: int | None = None, channels: int | None = None) -> LazyAudio:
        """Make the same clip with other wishes for what decoding returns.

        Parameters
        ----------
        sampling_rate
            Rate in Hz to resample to; None leaves it as it is here.
        channels
            Channels to return, as in `decode`; None leaves them as they are here.
        """
        return LazyAudio(
            self._source,
            self.id,
            data=self._data,
            header=self._header,
            sampling_rate=self._sampling_rate if sampling_rate is None else sampling_rate,
            channels=self._channels if channels is None else channels,
        )

    def named(self, audio_id: str) -> LazyAudio:
        """Make the same clip with another id."""
        if audio_id == self.id:
            return self
        source, data, header, sampling_rate, channels = self.state
        return LazyAudio(
            source, audio_id, data=data, header=header, sampling_rate=sampling_rate, channels=channels
        )

    # The stored cell, as a mapping

    def __getitem__(self, key: str) -> Any:  # type: ignore[override] # of the mapping, not of the string  # noqa: ANN401 - the type depends on the key
        if key == "array":
            samples = self.decode()
            return samples[0] if len(samples) == 1 else samples.mean(axis=0)
        if key == "sampling_rate":
            return self.sampling_rate
        if key in _CELL_KEYS:
            return self._cell()[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(_CELL_KEYS)

    def __len__(self) -> int:
        return len(_CELL_KEYS)

    def __contains__(self, key: object) -> bool:
        return key in _CELL_KEYS

    def items(self) -> ItemsView[str, Any]:
        """Give the stored cell, whose bytes are read once."""
        return self._cell().items()

    def values(self) -> ValuesView[Any]:
        """Give the values of the stored cell."""
        return self._cell().values()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        header = self._header
        facts = f", {header.format}, {header.sampling_rate} Hz, {header.seconds:.3f} s" if header else ""
        return f"LazyAudio({self.id!r}{facts})"

    # Pickling

    def __reduce__(self) -> tuple[Any, ...]:
        # The bytes can be had again from the source; workers should not be sent megabytes.
        source, _, header, sampling_rate, channels = self.state
        return _rebuild, (source, self.id, header, sampling_rate, channels)

    @property
    def state(self) -> tuple[ClipSource, bytes | None, AudioHeader | None, int | None, int | None]:
        """All that the clip is made of but its id: source, bytes, header, wished rate and channels."""
        return self._source, self._data, self._header, self._sampling_rate, self._channels

    # Inside

    def _cell(self) -> dict[str, Any]:
        try:
            data, path = self._source.cell()
            return {"bytes": data, "path": CellPath(path, self), "id": self.id}
        except (ClipError, OSError) as error:
            self._fail(error)

    def _read_header(self) -> AudioHeader:
        """Read the header from the bytes at hand, or from the start of a clip that is too large to keep."""
        if self._data is not None:
            return read_header(self._data)
        data, total_bytes = self._source.start(KEPT_BYTES)
        if len(data) == total_bytes:
            self._data = data
        try:
            return read_header(data, total_bytes)
        except NeedsWholeClip:
            return read_header(self._source.read())

    def _decode(self, start_s: float, end_s: float | None) -> NDArray[np.float32]:
        """Decode at the clip's own rate, all channels."""
        try:
            data, header = self._open()
            _check_length(header, len(data))
            start, stop = self._segment(header, start_s, end_s)
            samples = decoder_for(header)(data, header, start, stop)
        except (ClipError, OSError) as error:
            self._fail(error)
        if start_s == 0 and end_s is None and isinstance(self._source, _ON_DISK):
            # It is seldom wanted again, and the next clip is read into memory that is in the processor's
            # cache: this is faster than to go on to other memory.
            self._data = None
        return samples

    def _open(self) -> tuple[bytes, AudioHeader]:
        """Give the clip's bytes and the header of these very bytes, checked against known facts."""
        known = self._header
        data = self._data
        if data is None:
            data = self._source.read()
        elif known is not None and known.data_offset is not None:
            return data, known
        header = read_header(data)
        if known is not None and not header.agrees(known):
            detail = f"the clip is {_facts(header)}; by its index it is {_facts(known)}"
            raise ClipError(ClipFault.DAMAGED_AUDIO, detail)
        self._header = header
        return data, header

    def _segment(self, header: AudioHeader, start_s: float, end_s: float | None) -> tuple[int, int]:
        """Half-open range of frames for a range of seconds."""
        frames, rate = header.frames, header.sampling_rate
        if end_s is None:
            if start_s == 0:
                return 0, frames
            end_s = max(header.seconds, start_s)
        # Written so that NaN fails as well.
        if not 0 <= start_s <= end_s:
            message = (
                f"audio {self.id!r}: segment from {start_s!r} to {end_s!r} s does not run forwards from 0"
            )
            raise ValueError(message)
        if start_s * rate > frames + 0.5:
            message = (
                f"audio {self.id!r}: segment begins at {start_s!r} s; the clip is {header.seconds} s long"
            )
            raise ValueError(message)
        start = min(round(start_s * rate), frames)
        return start, frames if end_s * rate >= frames else max(round(end_s * rate), start)

    def _fail(self, error: ClipError | OSError) -> NoReturn:
        raise AudioError.of(error, self.id, self._source.location) from error


def _check_length(header: AudioHeader, nbytes: int) -> None:
    """Refuse a length that no encoder reaches before memory is asked for it."""
    if header.frames * header.channels > nbytes * _MAX_SAMPLES_PER_BYTE:
        raise ClipError(ClipFault.DAMAGED_AUDIO, f"{header.frames} frames in {nbytes} bytes")


def _rebuild(
    source: ClipSource,
    audio_id: str,
    header: AudioHeader | None,
    sampling_rate: int | None,
    channels: int | None,
) -> LazyAudio:
    return LazyAudio(source, audio_id, header=header, sampling_rate=sampling_rate, channels=channels)


def _facts(header: AudioHeader) -> str:
    return f"{header.frames} frames of {header.channels} channels at {header.sampling_rate} Hz"

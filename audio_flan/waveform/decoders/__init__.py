"""One decoder per file, all with the same function.

``decode(data, header, start_frame, stop_frame)`` gives the frames of the half-open range as float32 of
shape (channels, frames), full scale ±1.0, in an array of its own, or raises `ClipError`; it never returns
fewer frames than it was asked for. A segment equals the same slice of the whole clip, sample by sample.
"""

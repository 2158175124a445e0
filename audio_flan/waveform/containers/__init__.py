"""Headers of audio formats: one container format per file, parsed from bytes without decoding."""

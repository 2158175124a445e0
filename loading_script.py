"""Audio-FLAN for `datasets` below 4.

`datasets.load_dataset("loading_script.py", "speech_asr", root=..., trust_remote_code=True)`
The builder is that of the installed package; newer `datasets` run no scripts, and use it directly:
`audio_flan.load_dataset(root, "speech_asr")`.
"""

import audio_flan.loading.builder


class AudioFlanScript(audio_flan.loading.builder.AudioFlan):
    """The packaged builder, where `datasets` looks for one: in the script itself."""

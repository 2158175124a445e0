"""Wordings of the audio tasks."""

from __future__ import annotations

from audio_flan.demo.wording.form import SOUND, Table, Wording

AUDIO: Table = {
    "Audio Event Recognition": {
        "Sound Event Sequence Recognition": Wording(
            (
                "List the sounds in the order you hear them.",
                "What happens first, what next?",
                "Write down the sequence of sounds.",
                "Give the order of the events.",
            ),
            ("{}", "{}", "Order: {}"),
        ),
        "Sound Event Recognition": Wording(
            (
                "What is this sound?",
                "Name the sound event.",
                "Which event do you hear?",
                "Label the recording with its sound.",
            ),
            ("{}", "The sound is {}.", "Event: {}"),
        ),
        "Sound Event Detection": Wording(
            (
                "When does each sound occur?",
                "Find all events with start and end in seconds.",
                "Mark the sounds on the time line.",
                "Detect the events and their times.",
            ),
        ),
        "Acoustic Scene Classification": Wording(
            (
                "Where could this have been recorded?",
                "Name the acoustic scene.",
                "What place does this sound like?",
                "Classify the surroundings.",
            ),
            ("{}", "Scene: {}", "The scene is: {}."),
        ),
    },
    "Audio Caption": {
        "Audio Caption": Wording(
            (
                "Describe the sounds in a sentence.",
                "Caption this recording.",
                "Tell what can be heard.",
                "Write down what goes on in the clip.",
            ),
        ),
    },
    "Audio Advanced Understanding": {
        "Sound Event Understanding": Wording(
            (
                "What is going on here?",
                "Explain what the sounds tell you.",
                "What can you conclude from what you hear?",
                "Interpret the recording.",
            ),
        ),
    },
    "Audio Detection": {
        "Deepfake Audio Detection": Wording(
            (
                "Is this the source clip or a processed copy?",
                "Judge whether the audio was manipulated.",
                "Original or fake?",
                "Has this sound been re-synthesised?",
            ),
            ("{}", "{}", "Verdict: {}"),
        ),
        "Voice Activity Detection": Wording(
            (
                "When does someone speak?",
                "Give the stretches that hold a voice, in seconds.",
                "Find the voice activity.",
                "Mark where speech starts and ends.",
            ),
        ),
    },
    "Audio Classification": {
        "Speech, Silence, Music and Noise Classification": Wording(
            (
                "Speech, silence, music or noise?",
                "Which of the four classes fits: speech, silence, music, noise?",
                "Sort the clip: is it speech, silence, music or noise?",
                "Say what the recording holds: speech, silence, music or noise.",
            ),
            ("{}", "{}", "Class: {}", "It is {}."),
        ),
        "Speech Nonspeech Detection": Wording(
            (
                "Split the recording into speech and other sound.",
                "Label each segment as speech or non-speech.",
                "Which parts are speech, which are not?",
                "Segment the clip into speech and non-speech.",
            ),
        ),
    },
    "Audio Enhancement": {
        "Audio Inpainting": Wording(
            (
                "Fill the gap.",
                "A piece of the recording is missing. Restore it.",
                "Repair the hole in the sound.",
                "Complete the damaged clip.",
            ),
            SOUND,
        ),
        "Audio Super-resolution": Wording(
            (
                "Raise the sampling rate to {rate} Hz and restore the treble.",
                "Turn this low-resolution sound into one of {rate} Hz.",
                "Bring back the high frequencies.",
                "Upsample the clip to {rate} Hz.",
            ),
            SOUND,
        ),
    },
    "Audio Separation": {
        "Text-guided Audio Source Separation": Wording(
            (
                "Keep the sound that the text describes.",
                "Separate what is described from the rest.",
                "Remove everything but this.",
                "Return the described source alone.",
            ),
            SOUND,
        ),
        "Label-querying Sound Extraction": Wording(
            (
                "Extract the sounds of the class {label}.",
                "Give me only this: {label}.",
                "Take the class {label} out of the mixture.",
                "From the mixture, keep {label}.",
            ),
            SOUND,
        ),
        "Audio-querying Sound Extraction": Wording(
            (
                "Extract what sounds like the example.",
                "Keep only the sound that resembles the query.",
                "Find the example's kind of sound in the mixture and return it.",
                "Use the second clip as a query and isolate its match.",
            ),
            SOUND,
        ),
    },
    "Audio Generation": {
        "Text-guided Audio Generation": Wording(
            (
                "Make the sound that the text describes.",
                "Let me hear this.",
                "Generate audio for the description.",
                "Produce a clip that fits the words.",
            ),
            SOUND,
        ),
        "Time-grounded Text-to-audio Generation": Wording(
            (
                "Make a clip whose sounds fall at these times.",
                "Follow the time plan.",
                "Place each sound where the text says.",
                "Generate audio with this schedule.",
            ),
            SOUND,
        ),
        "Audio Continuation": Wording(
            (
                "Carry the clip on.",
                "What comes next? Continue the sound.",
                "Extend the recording without a seam.",
                "Go on where the prompt stops.",
            ),
            SOUND,
        ),
    },
}

"""Wordings of the speech tasks."""

from __future__ import annotations

from audio_flan.demo.wording.form import SOUND, Table, Wording

SPEECH: Table = {
    "Speech Recognition": {
        "Automatic Speech Recognition": Wording(
            (
                "Type out every word you hear.",
                "What does the speaker say?",
                "Give me a transcript of this clip.",
                "Put the spoken words into writing.",
                "Could you transcribe the utterance?",
            ),
            ("{}", "{}", "Transcript: {}", 'The speaker says: "{}"'),
        ),
        "Dialect Automatic Speech Recognition": Wording(
            (
                "The speaker uses a regional variety. Write down the words.",
                "Transcribe this dialect speaker.",
                "Which words are spoken here, in spite of the regional accent?",
                "Give the text of this dialect recording.",
            ),
            ("{}", "{}", "Transcript: {}"),
        ),
        "Phonetic Recognition": Wording(
            (
                "Give the phonemes of the utterance in IPA.",
                "Transcribe the speech phonetically.",
                "Which sequence of phones is spoken?",
                "Decode the clip into phonemes.",
            ),
            ("{}", "{}", "IPA: {}"),
        ),
    },
    "Spoken Language Understanding": {
        "Intent Classification": Wording(
            (
                "What does the speaker want to be done?",
                "Name the intent of this spoken command.",
                "Classify the request as an intent.",
                "Which action does the command ask for?",
            ),
            ("{}", "Intent: {}", "The intent is {}."),
        ),
        "Speech to Text Translation": Wording(
            (
                "Write the meaning of the {source} speech in {target}.",
                "Translate what is said into written {target}.",
                "Give the {target} text for this {source} recording.",
                "How would you write this utterance in {target}?",
            ),
            ("{}", "{}", "Translation: {}"),
        ),
    },
    "Paralinguistic Attribute Recognition": {
        "Gender Recognition": Wording(
            (
                "Is the voice male or female?",
                "Tell me the gender of the speaker.",
                "Judge from the voice whether a man or a woman speaks.",
                "Classify the speaker's gender.",
            ),
            ("{}", "The gender is {}.", "Gender: {}", "A {} voice."),
        ),
        "Age Recognition": Wording(
            (
                "Which age group does the speaker belong to?",
                "Guess the age band from the voice.",
                "About how old is the person speaking?",
                "Assign the speaker to an age group.",
            ),
            ("{}", "Age group: {}", "The age group is {}."),
        ),
        "Emotion Recognition": Wording(
            (
                "Which emotion does the voice show?",
                "How does the speaker feel?",
                "Name the emotional state that you hear.",
                "Label the emotion of the utterance.",
            ),
            ("{}", "The speaker sounds {}.", "Emotion: {}"),
        ),
        "Accent Recognition": Wording(
            (
                "Where is the speaker's accent from?",
                "Name the accent in this clip.",
                "Which accent of English is this?",
                "Classify the accent of the voice.",
            ),
            ("{}", "The accent is {}.", "Accent: {}"),
        ),
        "Spoken Paragraph Recognition": Wording(
            (
                "Do both recordings speak the same text?",
                "Is the same passage read in the two clips?",
                "Compare the words of the two utterances: are they equal?",
                "Tell whether the second clip repeats the text of the first.",
            ),
            ("{}", "{}", "The answer is {}."),
        ),
        "Language Identification": Wording(
            (
                "Which language is spoken?",
                "Name the language of the clip.",
                "Tell me what language you hear.",
                "Identify the language of this speaker.",
            ),
            ("{}", "The language is {}.", "Language: {}"),
        ),
        "Dialect Identification": Wording(
            (
                "Which regional variety does the speaker use?",
                "Name the dialect of this recording.",
                "From which region does this way of speaking come?",
                "Tell the variety of the language that you hear.",
            ),
            ("{}", "Dialect: {}", "This is {}."),
        ),
    },
    "Speaker Recognition": {
        "Speaker Verification": Wording(
            (
                "Is this one person or two?",
                "Do the two clips have the same speaker?",
                "Verify whether the second voice is that of the first.",
                "Compare the voices: same speaker or different speakers?",
            ),
            ("{}", "{}", "The answer is {}."),
        ),
        "Speaker Diarization": Wording(
            (
                "Who speaks when?",
                "Split the conversation into turns and name the speaker of each.",
                "List the turns with their times in seconds.",
                "Mark in which stretches each speaker talks.",
            ),
        ),
        "Speaker Extraction": Wording(
            (
                "Keep only the voice of the enrolled speaker.",
                "Take the target speaker out of the mixture.",
                "Two people talk at once. Return the one you know from the reference.",
                "Isolate the voice that matches the reference clip.",
            ),
            SOUND,
        ),
        "Speaker Identification": Wording(
            (
                "Which of the known speakers is heard?",
                "Choose the speaker from the candidates.",
                "Whose voice is this?",
                "Name the speaker, given the list.",
            ),
            ("{}", "The speaker is {}.", "Speaker: {}"),
        ),
    },
    "Speech Caption": {
        "Speech Caption": Wording(
            (
                "Describe the voice and what it says.",
                "Caption this speech clip.",
                "Write a sentence about the speaker and the words.",
                "Sum up who speaks, how, and what is said.",
            ),
        ),
    },
    "Speech Detection": {
        "Deepfake Detection": Wording(
            (
                "Is the clip untouched or a copy made by a vocoder?",
                "Judge: bona fide or spoof?",
                "Has this speech been manipulated?",
                "Tell a source clip from a re-synthesised one.",
            ),
            ("{}", "{}", "Verdict: {}"),
        ),
        "Vocoder Type Classification": Wording(
            (
                "Which vocoder made this signal?",
                "Name the vocoder behind the speech.",
                "Classify the way the waveform was generated.",
                "What kind of vocoder do you hear?",
            ),
            ("{}", "Vocoder: {}", "It was made with the {} method."),
        ),
        "Device Recognition": Wording(
            (
                "Which device was this recorded with?",
                "Name the recording device.",
                "Tell from the sound what the speech went through.",
                "Classify the microphone or line.",
            ),
            ("{}", "Device: {}", "It sounds like a {}."),
        ),
    },
    "Speech Enhancement": {
        "Denoising": Wording(
            (
                "Free the speech from its background noise.",
                "Clean this clip up.",
                "Remove the noise and keep the voice.",
                "Return the speech without the hiss and rumble.",
            ),
            SOUND,
        ),
        "Dereverberation": Wording(
            (
                "Take the room out of this recording.",
                "Make the speech sound dry.",
                "Remove the echo of the room.",
                "Reduce the reverberation of the voice.",
            ),
            SOUND,
        ),
        "Declipping": Wording(
            (
                "Rebuild the peaks that were cut off.",
                "Mend the clipped waveform.",
                "This was recorded too loud. Restore it.",
                "Undo the clipping.",
            ),
            SOUND,
        ),
        "Speech Bandwidth Extension": Wording(
            (
                "Give this narrowband speech its high frequencies back.",
                "Widen the band of the telephone-like voice.",
                "Restore what lies above {cutoff} Hz.",
                "Turn the dull clip into wideband speech.",
            ),
            SOUND,
        ),
        "Signal-to-noise Ratio Estimation": Wording(
            (
                "How many decibels is the speech above the noise?",
                "Estimate the signal-to-noise ratio.",
                "Give the SNR of the clip in dB.",
                "How strong is the voice against its background?",
            ),
            ("{}", "The SNR is {}.", "About {}."),
        ),
    },
    "Speech Generation": {
        "Text to Speech": Wording(
            (
                "Say this aloud.",
                "Read the sentence out.",
                "Turn the text into speech.",
                "Speak the following words.",
            ),
            SOUND,
        ),
        "Zero-shot Text to Speech": Wording(
            (
                "Speak the text in the voice of the prompt.",
                "Use the voice you hear to read the sentence.",
                "Clone the prompt speaker and say the words.",
                "Read the text as the reference speaker would.",
            ),
            SOUND,
        ),
        "Emotional Text to Speech": Wording(
            (
                "Read the text and sound {emotion}.",
                "Say it with a voice that is {emotion}.",
                "Speak the sentence with this emotion: {emotion}.",
                "Let the words sound {emotion}.",
            ),
            SOUND,
        ),
        "Zero-shot Emotional Text to Speech": Wording(
            (
                "With the voice of the prompt, read the text so that it sounds {emotion}.",
                "Let the reference speaker sound {emotion} and say the text.",
                "Keep the prompt's voice, change its emotion to {emotion}, and read the words.",
                "Speak as the prompt speaker would when {emotion}.",
            ),
            SOUND,
        ),
        "Descriptive Speech Synthesis": Wording(
            (
                "Speak the text the way the description says.",
                "Make a voice that fits the description and let it read.",
                "Read the sentence in the manner described.",
                "Follow the description of the speaker and say the words.",
            ),
            SOUND,
        ),
        "Spontaneous Text to Speech": Wording(
            (
                "Say it as if it just came to your mind.",
                "Speak the line in a casual way, fillers included.",
                "Turn the text into unscripted talk.",
                "Let this sound like a chat, not like reading.",
            ),
            SOUND,
        ),
        "Voice Conversion": Wording(
            (
                "Let the second speaker say what the first one says.",
                "Change the voice to that of the target, and keep the words.",
                "Convert the source speech to the target voice.",
                "Say the same utterance with the other speaker's voice.",
            ),
            SOUND,
        ),
        "Emotion Conversion": Wording(
            (
                "Keep the words and make the voice sound {emotion}.",
                "Turn this into an utterance that sounds {emotion}.",
                "Change the emotion to {emotion}.",
                "Let the same speaker repeat it, now {emotion}.",
            ),
            SOUND,
        ),
        "Speech to Speech Translation": Wording(
            (
                "Say this in {target}.",
                "Let me hear the {target} for this.",
                "Turn the {source} utterance into spoken {target}.",
                "Interpret what is said for a listener who speaks {target}.",
            ),
            SOUND,
        ),
    },
}

"""Wordings of the music tasks."""

from __future__ import annotations

from audio_flan.demo.wording.form import SOUND, Table, Wording

MUSIC: Table = {
    "Global MIR": {
        "Key Detection": Wording(
            (
                "In which key is this?",
                "Name the tonic and the mode.",
                "Tell me the key of the excerpt.",
                "Work out the musical key.",
            ),
            ("{}", "Key: {}", "It is in {}."),
        ),
        "Scale Recognition": Wording(
            (
                "Which scale is played?",
                "Name the scale you hear.",
                "Identify the scale of the run.",
                "What scale do these notes form?",
            ),
            ("{}", "Scale: {}", "This is the {} scale."),
        ),
        "Music Tagging": Wording(
            (
                "Give tags for this piece.",
                "Label the music with a few key words.",
                "Which tags would help someone find this track?",
                "List genre, tempo and mood as tags.",
            ),
            ("{}", "{}", "Tags: {}"),
        ),
        "Genre Classification": Wording(
            (
                "Which genre is this?",
                "Name the style of the piece.",
                "Sort the track into a genre.",
                "What kind of music do you hear?",
            ),
            ("{}", "Genre: {}", "This is {}."),
        ),
        "Emotion Classification": Wording(
            (
                "Which mood does the music have?",
                "How does this piece feel?",
                "Name the emotion that the music carries.",
                "Label the mood of the excerpt.",
            ),
            ("{}", "Mood: {}", "The music feels {}."),
        ),
        "Pitch Classification": Wording(
            (
                "Which note is this?",
                "Name the pitch with its octave.",
                "What pitch sounds here?",
                "Tell me the note that is played.",
            ),
            ("{}", "Pitch: {}", "The note is {}."),
        ),
        "Instrument Classification": Wording(
            (
                "Which instruments do you hear?",
                "List every instrument of the clip.",
                "What is being played on?",
                "Name the instruments in this recording.",
            ),
            ("{}", "{}", "Instruments: {}"),
        ),
        "Vocal Technique Classification": Wording(
            (
                "Which singing technique is used?",
                "How does the singer shape the tone?",
                "Name the vocal technique.",
                "Classify the way of singing.",
            ),
            ("{}", "Technique: {}", "The singer uses {}."),
        ),
        "Instrumental Technique Classification": Wording(
            (
                "Which playing technique is used?",
                "How is the note played?",
                "Name the technique of the player.",
                "Classify the way of playing.",
            ),
            ("{}", "Technique: {}", "The technique is {}."),
        ),
        "Artist Identification": Wording(
            (
                "Which of the candidates made this piece?",
                "Choose the artist from the list.",
                "Whose style is this?",
                "Pick the composer of the track.",
            ),
            ("{}", "Artist: {}", "The piece is by {}."),
        ),
    },
    "Sequential MIR": {
        "Beat Tracking": Wording(
            (
                "Give the times of the beats in seconds.",
                "When does each beat fall?",
                "Track the beat of the excerpt.",
                "List every beat with its time.",
            ),
            ("{}", "{}", "Beats: {}"),
        ),
        "Chord Estimation": Wording(
            (
                "Which chord sounds when?",
                "Write down the chords with their times.",
                "Transcribe the harmony.",
                "Give start, end and name of each chord.",
            ),
        ),
        "Progression Extraction": Wording(
            (
                "Give the chord progression in roman numerals.",
                "Which degrees do the chords stand on?",
                "Write the harmony as chord numbers.",
                "Extract the progression of this excerpt.",
            ),
            ("{}", "{}", "Progression: {}"),
        ),
    },
    "Single Music Reasoning": {
        "Beat-level Instrument Recognition": Wording(
            (
                "Which instruments play from beat {first} to beat {last}?",
                "List what is heard between beats {first} and {last}.",
                "Name the instruments that sound on beats {first} to {last}.",
                "Beats {first} to {last}: who is playing?",
            ),
            ("{}", "{}", "Instruments: {}"),
        ),
        "Beat-level Pitch Estimation": Wording(
            (
                "Which note does the melody play on beat {beat}?",
                "Name the melody's pitch at beat {beat}.",
                "What is the highest part playing on beat {beat}?",
                "Give the pitch of the lead on beat {beat}.",
            ),
            ("{}", "{}", "Pitch: {}"),
        ),
    },
    "Multiple Music Reasoning": {
        "Tempo Comparison": Wording(
            (
                "Which excerpt is faster?",
                "Compare the two tempi.",
                "How do the speeds of the clips relate?",
                "Tell which of the two has more beats per minute.",
            ),
        ),
        "Instrument Comparison": Wording(
            (
                "Are both clips played on the same instrument?",
                "Compare the instruments of the two notes.",
                "Same instrument or different ones?",
                "How do the instruments of the excerpts relate?",
            ),
        ),
        "Key Comparison": Wording(
            (
                "Are the two pieces in the same key?",
                "Compare the keys.",
                "How do the keys of the excerpts relate?",
                "Same key or not?",
            ),
        ),
        "Instrumental Technique Comparison": Wording(
            (
                "Is the same technique used in both clips?",
                "Compare the ways of playing.",
                "How do the playing techniques relate?",
                "Tell whether both notes are played alike.",
            ),
        ),
        "Emotion Comparison": Wording(
            (
                "Do the two pieces share a mood?",
                "Compare the emotions of the excerpts.",
                "How do the moods relate?",
                "Which mood has the first clip, and which the second?",
            ),
        ),
    },
    "Music Caption": {
        "Music Caption": Wording(
            (
                "Describe this music.",
                "Write a caption for the piece.",
                "Tell in a sentence what this track is like.",
                "Sum up the excerpt in words.",
            ),
        ),
    },
    "Music Separation": {
        "Melody Extraction": Wording(
            (
                "Write down the main melody with its times.",
                "Follow the lead part note by note.",
                "Which notes does the melody consist of?",
                "Extract the melody of the excerpt.",
            ),
        ),
        "Text-guided Source Separation": Wording(
            (
                "Keep only what the text names.",
                "Separate the named part from the mix.",
                "Give me the track in question alone.",
                "Return the stem that is described.",
            ),
            SOUND,
        ),
    },
    "Music Generation": {
        "Text-to-music Generation": Wording(
            (
                "Make music that fits the text.",
                "Compose what is described.",
                "Turn the description into a piece.",
                "Write and play music like this.",
            ),
            SOUND,
        ),
        "Text-guided Music Continuation": Wording(
            (
                "Go on from the prompt as the text asks.",
                "Continue the music in the way described.",
                "What comes next? Follow the description.",
                "Extend the excerpt.",
            ),
            SOUND,
        ),
        "Lyrics-to-song Generation": Wording(
            (
                "Make a song of these lyrics, with accompaniment.",
                "Set the words to music.",
                "Sing the lyrics over a backing.",
                "Turn the lines into a song.",
            ),
            SOUND,
        ),
        "Singing Voice Synthesis": Wording(
            (
                "Sing the syllables on the given notes.",
                "Perform the score as {singer}.",
                "Let a voice sing this line.",
                "Synthesise the singing for the score.",
            ),
            SOUND,
        ),
        "Singing Voice Conversion": Wording(
            (
                "Let the target singer sing what the source sings.",
                "Change the singer, and keep tune and words.",
                "Convert the vocals to the voice of the reference.",
                "Same song, other singer, please.",
            ),
            SOUND,
        ),
    },
}

"""What is said: sentences, commands, translations, talk; all written for this corpus."""

from __future__ import annotations

SENTENCES = (
    "The boats come home before the storm.",
    "She keeps her letters in a blue tin.",
    "Fresh bread is sold on the corner.",
    "Nobody saw the fox cross the road.",
    "We planted two trees near the well.",
    "The night train leaves from platform nine.",
    "His watch stopped at half past four.",
    "They painted the kitchen bright yellow.",
    "A cold wind blew over the empty field.",
    "The museum opens late on Thursday.",
    "Our teacher collects old maps.",
    "Leave the key under the green stone.",
)

DIALECT_SENTENCES = (
    "I can't dance in the bath after lunch.",
    "Put the butter on the bus, love.",
    "My brother took the long path home.",
    "The girl heard a bird in the barn.",
)

FEELINGS = ("The letter came this morning.", "You are late again.")

AGE_SENTENCES = ("The garden looks lovely today.", "I walked to the harbour and back.")

COMMANDS = (
    ("Turn on the light in the hall.", "switch on light"),
    ("Please switch off the radio.", "switch off radio"),
    ("Set an alarm for seven.", "set alarm"),
    ("What is the weather tomorrow?", "ask weather"),
    ("Play some quiet music.", "play music"),
    ("Call my sister, please.", "make call"),
    ("Make it warmer in the bedroom.", "increase temperature"),
    ("Close the kitchen window.", "close window"),
    ("Order two pizzas.", "order food"),
    ("Read me the news.", "read news"),
)

TALK = (
    "Um, well, I was, you know, on my way home.",
    "So, uh, we could maybe go tomorrow?",
    "I mean, it's, um, not that far, right?",
    "Hm, let me think, uh, no, not really.",
    "Well, you see, I, I just forgot.",
    "Oh, um, that was, like, years ago.",
    "Yeah, so, uh, anyway, it worked out.",
    "Er, sorry, what was the, um, question?",
    "Ah, wait, I, uh, left it in the car.",
    "Right, so, um, where were we?",
)

LANGUAGES = {
    "English": "en-us",
    "German": "de",
    "French": "fr",
    "Spanish": "es",
    "Italian": "it",
    "Dutch": "nl",
}
"""Language to espeak-ng's name for it."""

PHRASES = (
    {
        "English": "Good morning, how are you?",
        "German": "Guten Morgen, wie geht es dir?",
        "French": "Bonjour, comment vas-tu ?",
        "Spanish": "Buenos días, ¿cómo estás?",
        "Italian": "Buongiorno, come stai?",
        "Dutch": "Goedemorgen, hoe gaat het met je?",
    },
    {
        "English": "The house is very old.",
        "German": "Das Haus ist sehr alt.",
        "French": "La maison est très vieille.",
        "Spanish": "La casa es muy vieja.",
        "Italian": "La casa è molto vecchia.",
        "Dutch": "Het huis is heel oud.",
    },
    {
        "English": "I would like a cup of coffee.",
        "German": "Ich möchte eine Tasse Kaffee.",
        "French": "Je voudrais une tasse de café.",
        "Spanish": "Quisiera una taza de café.",
        "Italian": "Vorrei una tazza di caffè.",
        "Dutch": "Ik wil graag een kop koffie.",
    },
)

SPANISH_AMERICAN = ("El cielo está azul y hace calor.", "Mi zapato nuevo está en la calle.")

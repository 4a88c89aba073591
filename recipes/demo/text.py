"""What the actors say: templates per class, and a larger pool of sentences that fit any class.

Public: `sentence`, `backchannel`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

FILLERS = {
    "who": (
        *("my brother", "my sister", "your mother", "the landlord", "my boss"),
        *("that teacher", "our neighbour", "the doctor", "Augie", "Chris"),
    ),
    "thing": (
        *("the letter", "the tickets", "the car", "the apartment"),
        *("the contract", "the photographs", "the piano", "the garden"),
    ),
    "place": (
        *("at the station", "in the kitchen", "at the office", "by the river"),
        *("on the beach", "at school", "in the hallway"),
    ),
    "time": (
        *("this morning", "last night", "on Sunday", "two weeks ago"),
        *("after dinner", "yesterday", "before the trip"),
    ),
    "do": ("call", "leave", "move away", "come home", "sign it", "start again", "wait", "drive back"),
}

# Any of these may be said in any mood: the words do not tell.
SHARED = """
I talked to {who} {time}.
Did you hear what {who} said {time}?
So {who} is going to {do} after all.
They told me about {thing} {time}.
I did not expect to see {who} {place}.
You know what happened with {thing}?
What are you going to do about {thing}?
We have to {do} {time}, I guess.
I saw you {place} {time}.
Well, that is how it went {place}.
Do you remember when we were {place}?
I have been thinking about {thing} all day.
Is this about {who} again?
Let me tell you about {who}.
They want me to {do} with {who}.
I need to talk to you about {thing}.
Nobody told me that {who} would {do}.
Are you sure that you want to {do}?
Yes, I know what {who} thinks.
Okay, so you left {thing} {place}.
It was {who} who came {time}.
I got the news about {thing} {time}.
Why did you {do} {time}?
Right, and then {who} decided to {do}.
Come on, tell me about {thing}.
I said that I would {do}, and I will.
That is all I know about {who}.
Look at {thing}, just look at it.
Maybe {who} will {do} {time}.
I never thought that you would {do}.
""".strip().split("\n")

OWN = {
    "neu": """
The form is for {who} and takes ten minutes.
Please put {thing} on the list.
I usually take the bus to work {time}.
My address is the same as on the other page.
The meeting is {place} at a quarter past three.
You will need two copies and an identification card.
The number is written on the second line.
I think the store opens at nine o'clock.
The schedule says that we {do} on Tuesday.
Sure, you can fill in the next section.
I ordered a sandwich and some coffee {place}.
It costs about forty dollars including the fee.
""",
    "hap": """
This is wonderful, I love {thing}!
I got the job and I am so excited!
{who} asked me to marry, can you believe it?
We won, that is amazing, congratulations!
That is so funny, I cannot stop laughing.
I am so happy for {who}, what great news!
We had such a lovely time {place}!
It was beautiful, the best day ever!
I am really glad that you came {time}!
Awesome, we are going to celebrate {time}!
You look fantastic, I love your smile!
What a sweet surprise, thank you so much!
""",
    "ang": """
This is ridiculous, I want my money back!
Do not lie to me about {thing}!
I am sick of {who}, just shut up!
How dare you {do} without asking me!
Get out, I hate the way you treat me!
You always ruin everything, stop it now!
That is outrageous and I am furious!
What the hell is wrong with {who}?
Leave me alone, you stupid liar!
It is your fault, you never listen!
I will not tolerate this nonsense {place}!
Damn it, give me {thing} right now!
""",
    "sad": """
I miss {who} so much that it hurts.
She died {time} and I could not say goodbye.
I feel so lonely since the funeral.
I am sorry, I just cannot stop crying.
We lost the baby and my heart is broken.
I do not know how to live without {who}.
It is hopeless, I have nothing left.
I wish that I could see {who} once more.
He is gone forever and I am so alone.
I keep weeping when I see {thing}.
The cancer came back, there is no hope.
I lost everything and I feel empty.
""",
}
BACKCHANNELS = ("Mm-hmm.", "Yeah.", "Right.", "Uh-huh.", "Okay.", "Oh.")
OPENINGS = ("Well,", "You know,", "I mean,", "Look,", "So,", "Um,", "Okay,", "And")
TEMPLATES = {name: block.strip().split("\n") for name, block in OWN.items()}


def sentence(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Draw a sentence: from the class with weight ≥ 0.4 (by weight where two have it), else from the shared pool."""
    strong = [name for name, weight in weights.items() if weight >= 0.4]
    if strong:
        shares = np.array([weights[name] for name in strong])
        pool = TEMPLATES[strong[int(rng.choice(len(strong), p=shares / shares.sum()))]]
    else:
        pool = SHARED
    text = pool[int(rng.integers(len(pool)))]
    text = re.sub(r"\{(\w+)\}", lambda m: FILLERS[m[1]][int(rng.integers(len(FILLERS[m[1]])))], text)
    if rng.random() < 0.35:
        opening = OPENINGS[int(rng.integers(len(OPENINGS)))]
        first = text.split()[0]
        keeps_capital = first in ("I", "Augie", "Chris") or first.startswith("I'")
        text = f"{opening} {text if keeps_capital else text[0].lower() + text[1:]}"
    return text[0].upper() + text[1:]


def backchannel(rng: np.random.Generator) -> str:
    """Draw the short answer of a listener, as said in the turns without a label."""
    return BACKCHANNELS[int(rng.integers(len(BACKCHANNELS)))]

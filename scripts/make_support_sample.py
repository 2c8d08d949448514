#!/usr/bin/env python3
"""Writes samples/support: synthetic emotional-support talk, with a strategy in front of every answer.

pairs.jsonl      preference pairs whose answers carry spans: some differ in the strategy, some in the response
dialogues.jsonl  whole conversations for SFT; small talk of the assistant's is marked "cal_loss": false

Everything is put together from the lists below with a fixed seed; nobody's words are in it.
"""
import json
import pathlib
import random

TOPICS = ["exam", "new job", "move", "breakup", "interview", "thesis", "rent", "surgery", "wedding", "project"]
PEOPLE = ["my sister", "my boss", "a friend", "my father", "my flatmate", "nobody"]
FEELINGS = ["worried", "tired", "lonely", "angry", "lost", "nervous"]

# What the seeker does last, the strategy that fits, and what it sounds like.
MOVES = {
    "opens": ("Question", "I am {feeling} about the {topic}.", "How long has the {topic} made you {feeling}?"),
    "tells": ("Reflection", "It is the {topic}: I told {person} and still feel {feeling}.",
              "You told {person} about the {topic} and it still makes you {feeling}."),
    "doubts": ("Reassurance", "I do not think I can manage the {topic}.",
               "Many feel {feeling} before a {topic}, and you have come this far."),
    "asks": ("Suggestion", "What should I do about the {topic}?",
             "You could write down one small step for the {topic} and take it today."),
}
POOR = ["That is how it is.", "Other people have real problems.", "Just think of something else.",
        "I do not know what to say to that.", "It will be over some day."]


def situation(rng):
    return {"topic": rng.choice(TOPICS), "person": rng.choice(PEOPLE), "feeling": rng.choice(FEELINGS)}


def answer(strategy, response):
    """An answer and its two spans, in characters."""
    text = f"[{strategy}] {response}"
    end = len(strategy) + 2
    return text, [{"begin": 0, "end": end, "label": "strategy"},
                  {"begin": end + 1, "end": len(text), "label": "response"}]


def of_label(spans, label):
    return [span for span in spans if span["label"] == label]


def opening(rng, facts, move):
    """The turns in front of the answer: sometimes an exchange, then what the seeker says last."""
    turns = []
    if rng.random() < 0.4:
        turns = [{"role": "user", "content": "Hello, do you have a minute?"},
                 {"role": "assistant", "content": "[Question] Of course, what is on your mind?"}]
    return turns + [{"role": "user", "content": MOVES[move][1].format(**facts)}]


def pair(rng, number):
    move, facts = rng.choice(list(MOVES)), situation(rng)
    strategy, _, response = MOVES[move]
    good, good_spans = answer(strategy, response.format(**facts))
    if number % 2:
        label = "strategy"
        other = rng.choice([m for m in MOVES if m != move])
        bad, bad_spans = answer(MOVES[other][0], MOVES[other][2].format(**facts))
    else:
        label = "response"
        bad, bad_spans = answer(strategy, rng.choice(POOR))
    return {"prompt": opening(rng, facts, move),
            "chosen": [{"role": "assistant", "content": good}], "rejected": [{"role": "assistant", "content": bad}],
            "chosen_spans": of_label(good_spans, label), "rejected_spans": of_label(bad_spans, label)}


def dialogue(rng, number):
    facts = situation(rng)
    messages = [{"role": "user", "content": "Hello, do you have a minute?"},
                {"role": "assistant", "content": "[Question] Of course, what is on your mind?", "cal_loss": False}]
    for move in ["opens", "tells", rng.choice(["doubts", "asks"])]:
        strategy, says, response = MOVES[move]
        messages.append({"role": "user", "content": says.format(**facts)})
        messages.append({"role": "assistant", "content": answer(strategy, response.format(**facts))[0]})
    return {"id": f"talk-{number:03}", "messages": messages}


def distinct(make, rng, count):
    """Records without repeats."""
    found = {}
    while len(found) < count:
        record = make(rng, len(found))
        content = json.dumps({key: value for key, value in record.items() if key != "id"})
        found.setdefault(content, record)
    return list(found.values())


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


if __name__ == "__main__":
    folder = pathlib.Path(__file__).resolve().parent.parent / "samples" / "support"
    rng = random.Random(20)
    write(folder / "pairs.jsonl", distinct(pair, rng, 400))
    write(folder / "dialogues.jsonl", distinct(dialogue, rng, 80))

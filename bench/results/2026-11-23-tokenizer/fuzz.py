"""Compares `linvox tokenize` with Hugging Face's tokenizers on random strings, three tokenizers, ids both ways.

    python3 fuzz.py LINVOX COUNT SEED     (tokenizers==0.22.1; run beside tests/golden/tokenizers)

COUNT strings of each kind: any characters of Unicode, marks and letters that compose, white space, ASCII,
spliced pieces of the golden cases, added tokens with text around them, long words.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer

GOLDEN = pathlib.Path(__file__).resolve().parents[3] / "tests/golden/tokenizers"


def characters(wanted):
    return [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and wanted(unicodedata.category(chr(c)), c)]


def strings(count, seed):
    rng = random.Random(seed)
    assigned = characters(lambda category, c: category not in ("Cn", "Co"))
    basic = [c for c in assigned if ord(c) < 0x3000]
    marks = characters(lambda category, c: category[0] == "M")
    letters = [c for c in assigned if unicodedata.decomposition(c) or ord(c) < 0x250]
    space = list(" \t\n\r\x0b\x0c\x85\xa0\u1680\u180e\u2000\u2003\u200b\u2028\u2029\u202f\u205f\u3000\ufeff") + list("   \n\na.")
    ascii_ = [chr(c) for c in range(128)]
    cases = [json.loads(line)["text"] for line in open(GOLDEN / "qwen2/cases.jsonl")]
    tokens = [f"<|s_{n}|>" for n in range(66)] + ["<strip>", "word", "café!", "cafe\u0301!", "<|im_end|>", "<|eot_id|>", "<|", "|>", " ", "  x"]

    def mix(pool, longest):
        return "".join(rng.choices(pool, k=rng.randint(1, longest)))

    def splice():
        a, b = rng.choice(cases), rng.choice(cases)
        return a[rng.randint(0, len(a)):] + b[:rng.randint(0, len(b))]

    kinds = [lambda: mix(assigned, 12), lambda: mix(basic, 20), lambda: mix(marks + letters, 16), lambda: mix(space, 20),
             lambda: mix(ascii_, 40), splice, lambda: mix(tokens + ascii_, 12), lambda: mix(list("abcdeing"), 300),
             lambda: mix(["'s", "'S", "'ll", "'ſ", "'K", "don", " I", "'", "1", "٣", "½", "\n", " "], 12),
             lambda: mix(list("今天気東京タワーがぱ、。") + ["\u3099", "\u309a"], 120)]
    return [kind() for kind in kinds for _ in range(count)]


def main():
    program, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    texts = strings(count, seed)
    for name in ("gpt2", "llama3", "qwen2"):
        folder = GOLDEN / name
        oracle = Tokenizer.from_file(str(folder / "tokenizer.json"))
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
            lines.writelines(json.dumps({"text": text}) + "\n" for text in texts)
            lines.flush()
            run = [program, "tokenize", "--model", str(folder), "--jsonl", "--special", lines.name]
            ours = [json.loads(line)["ids"] for line in subprocess.run(run, capture_output=True, check=True).stdout.splitlines()]
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
            lines.writelines(json.dumps({"ids": ids}) + "\n" for ids in ours)
            lines.flush()
            run = [program, "tokenize", "--model", str(folder), "--jsonl", "--decode", lines.name]
            back = [json.loads(line)["text"] for line in subprocess.run(run, capture_output=True, check=True).stdout.splitlines()]
        wrong = [text for text, ids in zip(texts, ours) if oracle.encode(text).ids != ids]
        wrong_back = [ids for ids, text in zip(ours, back) if oracle.decode(ids, skip_special_tokens=False) != text]
        assert len(ours) == len(back) == len(texts)
        print(f"{name}: {len(texts)} strings, {sum(map(len, ours))} ids; encode differs {len(wrong)}, decode differs {len(wrong_back)}")
        for text in wrong[:20]:
            print("   ", ascii(text))


main()

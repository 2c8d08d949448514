"""Speed of Hugging Face's tokenizers, one thread, CPU seconds; linvox_tokenizer.txt has ours on the same files.

    python3 speed.py make FOLDER   trains a tokenizer of 8000 tokens on text of this machine and writes FOLDER/KIND/tokenizer.json and FOLDER/texts.jsonl
    python3 speed.py run FOLDER    times encode one by one, encode_batch and decode (tokenizers==0.22.1)
"""
import gettext
import glob
import json
import os
import pathlib
import random
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import AddedToken, Tokenizer, trainers  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def corpus(limit):
    """Documents of about 1 to 4 kB: prose of licences and manuals, translations, source code."""
    rng = random.Random(1)
    documents = []

    def cut(text, share):
        nonlocal documents
        pieces, at = [], 0
        while at < len(text):
            size = rng.randint(800, 3000)
            pieces.append(text[at:at + size])
            at += size
        rng.shuffle(pieces)
        kept, total = [], 0
        for piece in pieces:
            kept.append(piece)
            total += len(piece.encode())
            if total > share:
                break
        documents += kept
        return total

    prose = "".join(pathlib.Path(p).read_text(errors="ignore") for p in sorted(glob.glob("/usr/share/common-licenses/*")) + sorted(glob.glob("/usr/share/perl/5*/pod/*.pod"))[:60])
    code = "".join(pathlib.Path(p).read_text(errors="ignore") for p in sorted(glob.glob("/usr/lib/python3*/*.py"))[:200])
    shares = {"prose": cut(prose, limit * 0.35), "code": cut(code, limit * 0.25)}
    for language in ("ja", "zh_CN", "zh_TW", "ko", "ru", "uk", "de", "fr", "pl", "fi", "ar", "he", "vi"):
        text = ""
        for path in sorted(glob.glob(f"/usr/share/locale/{language}/LC_MESSAGES/*.mo") + glob.glob(f"/usr/share/vim/vim9*/lang/{language}.UTF-8/LC_MESSAGES/*.mo") + glob.glob(f"/usr/share/vim/vim9*/lang/{language}/LC_MESSAGES/*.mo")):
            try:
                text += "\n".join(str(v) for v in gettext.GNUTranslations(open(path, "rb"))._catalog.values())
            except (OSError, UnicodeDecodeError):
                continue
        if text:
            shares[language] = cut(text, limit * 0.05)
    rng.shuffle(documents)
    return documents, shares


def make(folder):
    source = (HERE.parents[2] / "tests/golden/tokenizers/make.py").read_text().replace("\nmain()\n", "\n")
    golden = {"__file__": str(HERE.parents[2] / "tests/golden/tokenizers/make.py")}
    exec(compile(source, "make.py", "exec"), golden)
    documents, shares = corpus(1.2e6)
    print("corpus bytes:", sum(len(d.encode()) for d in documents), shares)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "texts.jsonl", "w") as out:
        out.writelines(json.dumps({"text": d}) + "\n" for d in documents)
    blank = golden["build"]("llama3")
    tokenizer = Tokenizer.from_str(json.dumps({**json.loads(blank.to_str()), "added_tokens": [], "post_processor": None}))
    tokenizer.model = type(tokenizer.model)(ignore_merges=True)
    trainer = trainers.BpeTrainer(vocab_size=8000, show_progress=False, initial_alphabet=golden["pre_tokenizers"].ByteLevel.alphabet())
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.add_tokens([AddedToken(f"<|s_{n}|>", normalized=False) for n in range(65536)])
    document = json.loads(tokenizer.to_str())
    write(folder / "llama3", document)
    pattern = document["pre_tokenizer"]["pretokenizers"][0]["pattern"]
    pattern["Regex"] = pattern["Regex"].replace("{1,3}", "")
    document["normalizer"] = {"type": "NFC"}
    document["model"]["ignore_merges"] = False
    write(folder / "qwen2", document)


def write(folder, document):
    folder.mkdir(exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(document))


def timed(work, rounds=1):
    best = 1e9
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def run(folder):
    texts = [json.loads(line)["text"] for line in open(folder / "texts.jsonl")]
    rng = random.Random(2)
    speech = ["<|SPEECH|>" + "".join(f"<|s_{rng.randrange(65536)}|>" for _ in range(500)) for _ in range(60)]
    for kind in ("llama3", "qwen2"):
        tokenizer = Tokenizer.from_file(str(folder / kind / "tokenizer.json"))
        for name, batch in (("texts", texts), ("speech", speech)):
            size = sum(len(t.encode()) for t in batch) / 1e6
            ids = [e.ids for e in tokenizer.encode_batch(batch)]
            one = timed(lambda: [tokenizer.encode(t) for t in batch])
            many = timed(lambda: tokenizer.encode_batch(batch))
            fast = timed(lambda: tokenizer.encode_batch_fast(batch))
            back = timed(lambda: tokenizer.decode_batch(ids, skip_special_tokens=False))
            print(f"{kind:7} {name:7} {size:6.2f} MB {sum(map(len, ids)):8} ids; MB/s of CPU: one by one {size / one:6.2f}, batch {size / many:6.2f}, batch_fast {size / fast:6.2f}, decode {size / back:6.2f}", flush=True)
    with open(folder / "speech.jsonl", "w") as out:
        out.writelines(json.dumps({"text": t}) + "\n" for t in speech)


{"make": make, "run": run}[sys.argv[1]](pathlib.Path(sys.argv[2]))

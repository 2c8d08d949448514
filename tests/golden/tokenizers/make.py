"""Makes the golden tokenizers and ids of this folder with Hugging Face's package.

    python3 -m venv v && v/bin/pip install tokenizers==0.22.1 && v/bin/python tests/golden/tokenizers/make.py

The tokenizers are trained here, on a few lines; their normalisers, patterns, post-processors and flags are
those of the models they are named after:
    gpt2    github.com/openai/gpt-2, src/encoder.py
    llama3  github.com/meta-llama/llama3, llama/tokenizer.py (pat_str); BOS by a template; ignore_merges
    qwen2   github.com/huggingface/transformers, models/qwen2/tokenization_qwen2.py (PRETOKENIZE_REGEX); NFC
and
    mixed   no model's: Removed and literal Splits, single digits, a space in front of every word
"""
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")

CASES = [
    "", " ", "a", "Hello, world!", " leading and trailing ", "It's what they'll've said: I'M, WE'RE, he'D, don'T.",
    "The year 2026, 3.14159, 1,000,000 and 0x1F600; 12345678901234567890",
    "def f(x: int) -> str:\n    return f\"{x:>8}\"  # two\tspaces\n\n\nclass A:\n\tpass\n",
    "\n", "\n\n", "\r\n", "\t", "a\n\n b\r\n\r\n  c\t\td   \n", "      six spaces and some   more    ", "trailing newline\n",
    "今天天气很好，我们去公园散步吧。", "他说：“二〇二六年，人工智能（AI）发展迅速！”", "東京タワーは高さ333mです。ｱｲｳ ﾊﾟﾋﾟ",
    "が と が", "안녕하세요 세계 가나다", "مَرْحَبًا بِالعَالَم", "السَّلامُ عَلَيْكُم ١٢٣", "שָׁלוֹם עולם", "नमस्ते दुनिया, कैसे हैं आप? क़", "ก็ไม่รู้",
    "caf\u00e9 cafe\u0301 \u212b A\u030a a\u0323\u0307 a\u0307\u0323 \u1e9b\u0323 \ufb01 \u2126", "naïve façade Straße ŉ ǅ ﬀ",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪🇫🇷 1️⃣ ☺️", "😀😃😄 x😀y", "Привет, мир! Ёлка й", "Γειά σου Κόσμε ΐ", "½ ² ① Ⅷ ㊿ ٣ 四 ५ 𝟘𝟙",
    "\u00a0nbsp\u00a0\u3000ideographic\u2003em\u2009thin\u200bzero\u180emvs\u0085nel\u2028line", "a\u0000b\u0001\u007f\u0080\ufffd\ufeff",
    "<|s_0|><|s_1|><|s_63|><|s_6|>4", "text<|s_12|>text <|s_64|> <|s_|> <|s_5", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "<|begin_of_text|><|eot_id|>x<|eot_id|>", "a<strip> b  <strip>  c", "one word wordy sword word word.", "cafe\u0301! café!",
    "https://example.com/a?b=c&d=%20#frag", "'''\"\"\"```~~~###", "....!!!???——…", "ſ'ſ 'S 'K k's", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "𠀀𠀁𪛖 ideographs", "x" * 15 + " " + "y" * 16 + " " + "z" * 17, "\u0301start with a mark", "a \u0301 b", "ᄀ\u1161\u11a8 가\u11a8",
]


def added(text, **flags):
    return AddedToken(text, **{"normalized": False, **flags})


def build(name):
    tokenizer = Tokenizer(models.BPE(ignore_merges=name == "llama3"))
    if name == "gpt2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    elif name == "mixed":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(r"[\r\n]"), "removed"), pre_tokenizers.Split("<|", "isolated"),
             pre_tokenizers.Split(Regex(r"\S+|\s"), "removed", invert=True),
             pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s> </s>", special_tokens=[("<s>", 900), ("</s>", 901)])
    else:
        split = pre_tokenizers.Split(Regex(PATTERN % ("{1,3}" if name == "llama3" else "")), "isolated", invert=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if name == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=900, min_frequency=1, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    manifest = (HERE / "../../../samples/prompts-en/manifest.jsonl").read_text().splitlines()
    tokenizer.train_from_iterator(CASES + [json.loads(line)["text"] for line in manifest], trainer)
    special = {"gpt2": ["<|endoftext|>"], "llama3": ["<|begin_of_text|>", "<|eot_id|>"],
               "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "mixed": ["<s>", "</s>"]}[name]
    tokenizer.add_special_tokens([added(text, special=True) for text in special])
    tokenizer.add_tokens([added(f"<|s_{n}|>") for n in range(64)])
    tokenizer.add_tokens([added("<strip>", lstrip=True, rstrip=True), added("word", single_word=True),
                          AddedToken("café!", normalized=True)])
    if name == "llama3":
        bos = tokenizer.token_to_id("<|begin_of_text|>")
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|> $B",
                                          special_tokens=[("<|begin_of_text|>", bos)])])
    return tokenizer


def main():
    for name in ("gpt2", "llama3", "qwen2", "mixed"):
        tokenizer = build(name)
        document = json.loads(tokenizer.to_str())
        if name == "gpt2":  # the older form of the file
            document["model"]["merges"] = [" ".join(pair) for pair in document["model"]["merges"]]
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
        with open(folder / "cases.jsonl", "w") as out:
            for text in CASES:
                ids = tokenizer.encode(text).ids
                record = {"text": text, "ids": ids, "plain": tokenizer.encode(text, add_special_tokens=False).ids,
                          "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                          "skipped": tokenizer.decode(ids, skip_special_tokens=True)}
                out.write(json.dumps(record, separators=(",", ":")) + "\n")


main()

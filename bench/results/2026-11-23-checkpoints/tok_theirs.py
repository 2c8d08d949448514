"""tok_theirs.py TOKENIZER FILE: one thread, CPU seconds of encode, encode_batch and encode_batch_fast (tokenizers 0.22.1)."""
import json, os, sys, time
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1])
texts = [json.loads(l)["text"] for l in open(sys.argv[2])]
size = sum(len(t.encode()) for t in texts) / 1e6
def timed(work):
    start = time.process_time(); work(); return size / (time.process_time() - start)
tokenizer.encode_batch(texts)
print(f"package: one by one {timed(lambda: [tokenizer.encode(t) for t in texts]):.2f}, batch {timed(lambda: tokenizer.encode_batch(texts)):.2f}, batch_fast {timed(lambda: tokenizer.encode_batch_fast(texts)):.2f} MB/s of CPU", flush=True)

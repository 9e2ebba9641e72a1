"""How far a run's GGUF file, run by llama.cpp, is from the trained model.

    timbre merge RUN --gguf -o RUN.gguf
    python benchmarks/llama_cpp.py RUN RUN.gguf

Both give the log-probability of every token of the run's validation responses, as ``timbre parity`` compares
trainer and server. llama.cpp comes in the wheel ``xllamacpp``, which the lock doesn't have (34 MB).
"""

import os
import sys

from timbre.parity_command import trainer_logprobs
from training.runs import find_run

ASKED = 20_000
"""Most likely tokens that llama.cpp is asked for at each place; one beyond them is counted as missing."""


def main(name: str, file: str) -> None:
    try:
        import xllamacpp  # type: ignore[import-not-found]
    except ImportError:
        print(
            "skipped: llama.cpp is not here; `pip install --no-deps --target DIR xllamacpp` and add DIR to PYTHONPATH"
        )
        return
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.verbosity = os.path.abspath(file), 4096, 0
    settings.cpuparams.n_threads = 1
    server = xllamacpp.Server(settings)
    deltas, missing = [], 0
    for pair in trainer_logprobs(find_run(name)):
        for place, ours in zip(pair.supervised, pair.logprobs, strict=True):
            body = {
                "prompt": list(pair.input_ids[:place]),
                "n_predict": 1,
                "n_probs": ASKED,
                "cache_prompt": True,
            }
            answer = server.handle_completions({**body, "temperature": 1})
            first = answer["choices"][0]["logprobs"]["content"][0]
            theirs = {row["id"]: row["logprob"] for row in first["top_logprobs"]}.get(pair.input_ids[place])
            missing += theirs is None
            deltas += [] if theirs is None else [theirs - ours]
    mean = sum(map(abs, deltas)) / len(deltas)
    print(
        f"{name}: mean |difference of log-probability| {mean:.4f} nats a token, largest {max(map(abs, deltas)):.3f}, "
        f"mean {sum(deltas) / len(deltas):+.4f}; {len(deltas)} tokens and {missing} beyond the {ASKED:,} likeliest"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

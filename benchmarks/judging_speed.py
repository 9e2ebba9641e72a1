"""What all judges together cost: milliseconds an answer on one core, and how it grows with length.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/judging_speed.py

Answers are the shipped writer's texts joined and cut to a length; each is new to every cache. Prints CPU time, so
that other work on the machine counts little. The first answer, which loads and fits, stands apart.
"""

import json
import time

from canaries.suite import load_suite
from judges.panel import Panel
from judges.reference import load_reference
from judges.types import Answer
from timbre.paths import DEFAULT_FLOOR, DEFAULT_VOICE

ANSWERS = 100


def main() -> None:
    """Start-up, then answers of 60 to 960 words."""
    began = time.process_time()
    topics = {c.prompt: c.facts for c in load_suite("full").canaries}
    panel = Panel(load_reference(DEFAULT_VOICE, DEFAULT_FLOOR), topics=topics)
    prompt = next(iter(topics))
    lines = DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()
    words = [word for line in lines for word in json.loads(line)["response"].split()]
    panel.judge(Answer("first", prompt, " ".join(words[:120]), target_words=(40, 120)))
    print(f"the first answer, with loading and fitting: {time.process_time() - began:.1f} s")
    for length in (60, 120, 240, 480, 960):
        texts = [" ".join((words * 2)[i * 13 : i * 13 + length]) + "." for i in range(ANSWERS)]
        began = time.process_time()
        for i, text in enumerate(texts):
            panel.judge(Answer(str(i), prompt, text, target_words=(40, 120)))
        print(
            f"{length:>4} words: {1000 * (time.process_time() - began) / ANSWERS:.1f} ms an answer",
            flush=True,
        )


if __name__ == "__main__":
    main()

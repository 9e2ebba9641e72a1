"""Write the floor of voice_match: the base's own answers to the prompts that the writer answered.

    python benchmarks/floor.py

Takes the shipped pairs and the embedded base; a few minutes on two cores. Run it again when either changes.
"""

import asyncio
import json
import sys

from openai import AsyncOpenAI

from evals.endpoint import Endpoint
from evals.server import connect
from timbre.paths import CHECKOUT, DEFAULT_FLOOR
from training.base import EMBEDDED, resolve_base
from training.pairs import load_pairs

MAX_TOKENS = 192
"""Enough for several of the 40-word pieces that voice_match compares."""


async def answers(endpoint: Endpoint, prompts: list[str]) -> list[str]:
    """The base's answers at the suite's decoding, all in flight at once, in order."""
    base = endpoint.served.model

    async def ask(prompt: str) -> str:
        reply = await client.chat.completions.create(
            model=base,
            messages=[{"role": "user", "content": prompt}],
            temperature=0.7,
            top_p=0.95,
            seed=1234,
            max_tokens=MAX_TOKENS,
        )
        return reply.choices[0].message.content or ""

    async with AsyncOpenAI(base_url=endpoint.url, api_key=endpoint.key, timeout=1800) as client:
        return list(await asyncio.gather(*(ask(prompt) for prompt in prompts)))


def main() -> None:
    """Ask, then write ``judges/data/floor.jsonl`` at once."""
    prompts = [pair.prompt for pair in load_pairs(CHECKOUT / "training" / "data" / "voice.jsonl")]
    texts = asyncio.run(answers(connect(resolve_base(EMBEDDED)), prompts))
    rows = [{"prompt": p, "text": t, "base": EMBEDDED} for p, t in zip(prompts, texts, strict=True)]
    DEFAULT_FLOOR.parent.mkdir(parents=True, exist_ok=True)
    DEFAULT_FLOOR.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    print(f"wrote {len(rows)} answers to {DEFAULT_FLOOR}", file=sys.stderr)


if __name__ == "__main__":
    main()

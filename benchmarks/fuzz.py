"""Damaged input by the thousand: every reader of a user's file either reads it or says what is wrong with it.

    python benchmarks/fuzz.py 100000 [--only pairs,suite] [--first 0]

Valid files are damaged in ways that keep most of their structure, drawn by the input's number: a number names one
input for good. An input is lost if it ends in anything but a value or a ``TimbreError`` that names the file in a
message of readable length, or takes longer than a second (and one more for each megabyte). ``tests/test_fuzz.py``
tries some of each kind.
"""

import argparse
import gc
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timbre.errors import TimbreError, visible
from timbre.paths import CHECKOUT

SECOND = 1.0
"""Most that one input may take, in this process's own time; a second more for each megabyte."""

HANG_S = 20
"""After which an input is ended by force."""

LONGEST_ERROR = 3000
"""Characters of a message that people can still read."""


LITERALS: tuple[bytes, ...] = (
    *(b"NaN Infinity -Infinity nan inf -0 1e999 -1 0 1.5".split()),
    *(b"9" * 400, b"9223372036854775808", b"9" * 5000),
    *(b'0x10 1_000 true null ~ [] {} "" [[[]]]'.split()),
    *(b'{"a": {"a": []}}', b"1979-05-27", b"07:32:00", b"1979-05-27T07:32:00Z", b"'''", b'"""'),
    *(b"[" * 3000, b'{"a":' * 3000),
    *(rb'"\ud800" "\u0000" "\u202e"'.split()),
    *(b'" "', b"&a", b"*a", b"!!python/x", b"!!binary aGk=", b"<<: *a", b"- - -"),
    b'"' + b"x" * 100_000 + b'"',
    *(b"=1+1 @x ../../x /etc/passwd".split()),
)
"""What may stand in a value's place: numbers beyond every type, dates, nesting, anchors, halves of characters."""

NOISE: tuple[bytes, ...] = (
    *(b"\x00", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\xff", b"\xed\xa0\x80"),
    *(c.encode() for c in ("\u202e", "\u2028")),
    *(b"\x1b[31m", b"\x07"),
    *(bytes([c]) for c in b"\"',:{}[]#\t\\`|%"),
    *(c.encode() for c in ("e\u0301\u0301", "\U0001f469\u200d\U0001f4bb", "\ufeff", "\U000e0041")),
)

LAUGHS = b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1) if n else b"lol"] * 9)) for n in range(9)
)
"""Nine anchors of nine references each: a billion words to whoever expands them."""

_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[A-Za-z_][\w-]*')


def damage(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one to four changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        data = rng.choice(CHANGES)(data, rng)
    return _huge(data, rng) if rng.random() < 0.01 else data


def _flip(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(NOISE) + data[at:]


def _cut(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.random() < 0.3 else data[:at] + data[at + rng.randrange(1, 30) :]


def _replace_token(data: bytes, rng: random.Random) -> bytes:
    """Another literal, or another token of the same file, in a token's place."""
    tokens = list(_TOKEN.finditer(data))
    if not tokens:
        return data
    one, other = rng.choice(tokens), rng.choice(tokens)
    new = rng.choice(LITERALS) if rng.random() < 0.7 else other[0]
    return data[: one.start()] + new + data[one.end() :]


def _replace_group(data: bytes, rng: random.Random) -> bytes:
    """A literal in the place of a whole list, table or object."""
    groups = list(re.finditer(rb"\{[^{}]*\}|\[[^\[\]]*\]", data))
    if not groups:
        return data
    one = rng.choice(groups)
    return data[: one.start()] + rng.choice(LITERALS) + data[one.end() :]


def _replace_line(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, kind = rng.randrange(len(lines)), rng.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, rng.choice(lines))
    elif kind == 2:
        lines[at] = b""
    elif kind == 3:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 4:
        lines[at] = lines[at][:-1]
    else:
        lines[at] = rng.choice(LITERALS)
    return b"\n".join(lines)


def _whole_file(data: bytes, rng: random.Random) -> bytes:
    """What happens to a file as a whole: other line ends, a mark at its start, an encoding, a bomb, nothing left."""
    return rng.choice(
        (
            data.replace(b"\n", b"\r\n"),
            data.replace(b"\n", b"\r"),
            b"\xef\xbb\xbf" + data,
            data.decode("utf-8", "replace").encode("utf-16"),
            data.decode("utf-8", "replace").encode("latin-1", "replace"),
            LAUGHS + data,
            data.replace(b'"', b"'"),
            data + data,
            b"",
            b"\n" * 50,
            data.replace(b"a", b"\xcc\x81" * 3),
            b"| a | b |\n" * 300 + data,
        )
    )


def _huge(data: bytes, rng: random.Random) -> bytes:
    """A megabyte in a token's place or behind the file."""
    one = rng.choice(list(_TOKEN.finditer(data)) or list(re.finditer(b"^", data)))
    if rng.random() < 0.3:
        return data + rng.choice((b"| a | b |\n" * 10_000, b"x" * 1_000_000, b"\n" * 100_000, data * 100))
    new = rng.choice(
        (
            b'"' + b"x" * 1_000_000 + b'"',
            b'"' + "\u0301".encode() * 300_000 + b'"',
            b"[" + b"0," * 100_000 + b"0]",
            b"{" + b",".join(b'"k%d":0' % n for n in range(30_000)) + b"}",
            b",".join(b'"k%d":0' % n for n in range(30_000)),
        )
    )
    return data[: one.start()] + new + data[one.end() :]


def _key_again(data: bytes, rng: random.Random) -> bytes:
    """A pair of key and value a second time right behind itself."""
    pairs = list(re.finditer(rb'"[\w-]{1,40}"\s*:\s*(?:"[^"\n]*"|[\w.-]+)', data)) or list(
        re.finditer(rb"(?<![\w-])[\w-]{1,40} ?[=:] ?[^\n]*", data)
    )
    if not pairs:
        return data
    one = rng.choice(pairs)
    joint = b", " if one[0].startswith(b'"') else b"\n"
    return data[: one.end()] + joint + one[0] + data[one.end() :]


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _insert, _cut, _replace_token, _replace_token, _replace_token, _replace_group),
    *(_replace_line, _replace_line, _key_again, _whole_file),
)


@dataclass(frozen=True)
class Target:
    """One kind of file."""

    seeds: tuple[bytes, ...]  # valid files
    name: str  # of the file that is written
    read: Callable[[Path], object]
    share: int = 10  # of the inputs, relative to the other kinds


def targets() -> Mapping[str, Target]:
    """Every kind of file that a user gives, by name."""
    from canaries.suite import load_suite
    from evals.server_record import read_record
    from judges.command import read_answers
    from judges.licensing.labels import read_labels
    from judges.licensing.licence import read_licence
    from judges.reference import load_impostors, load_reference
    from results.logs import read_logs
    from results.policy import load_policy
    from results.table import read_scores
    from training.config import JudgeConfig, load_config, read_preset
    from training.judge_data import load_examples
    from training.pairs import read_pairs

    shipped = (CHECKOUT / "training" / "data" / "voice.jsonl").read_bytes().splitlines()
    pairs = b"\n".join([*shipped[:4], *shipped[-2:]]) + b"\n"
    rows = [json.loads(line) for line in pairs.splitlines()]
    turns = [
        {
            "messages": [
                {"role": "user", "content": r["prompt"]},
                {"role": "assistant", "content": r["response"]},
            ]
        }
        for r in rows
    ]
    presets = CHECKOUT / "training" / "presets"
    licence_name, licence = _licence()
    impostors = (CHECKOUT / "judges" / "data" / "impostors.jsonl").read_bytes().splitlines()[:6]
    return {
        "pairs": Target((pairs, _lines(turns)), "pairs.jsonl", lambda p: read_pairs(str(p)), 20),
        "pairs array": Target(
            (json.dumps(rows, indent=1).encode(),), "pairs.json", lambda p: read_pairs(str(p))
        ),
        "pairs csv": Target((_PAIRS_CSV,), "pairs.csv", lambda p: read_pairs(str(p))),
        "pairs parquet": Target((_parquet(rows),), "pairs.parquet", lambda p: read_pairs(str(p)), 4),
        "suite": Target((_SUITE,), "suite.yaml", load_suite, 20),
        "preset": Target(
            tuple((presets / f"{name}.toml").read_bytes() for name in ("voice", "log-run1")),
            "p.toml",
            load_config,
        ),
        "policy": Target(
            ((CHECKOUT / "results" / "policy.toml").read_bytes(),), "policy.toml", load_policy, 6
        ),
        "scores": Target((_SCORES,), "scores.csv", read_scores),
        "scores parquet": Target((_scores_parquet(),), "scores.parquet", read_scores, 3),
        "licence": Target((licence,), licence_name, read_licence),
        "labels": Target((_LABELS,), "labels.csv", read_labels, 6),
        "answers": Target((_ANSWERS,), "answers.jsonl", lambda p: read_answers(p.read_bytes(), str(p))),
        "voice": Target((pairs,), "voice.jsonl", lambda p: load_reference(p, None), 6),
        "impostors": Target((b"\n".join(impostors),), "impostors.jsonl", load_impostors.__wrapped__, 4),
        "labelled set": Target(
            (_HUMOR,), "people/humor/labelled.csv", lambda p: load_examples(p.parents[1], p.parents[1]), 4
        ),
        "judge preset": Target(
            ((presets / "judge.toml").read_bytes(),), "j.toml", lambda p: read_preset(p, JudgeConfig), 4
        ),
        "server notes": Target((_SERVER,), "server.json", lambda p: read_record(p.parent), 3),
        "page": Target((_PAGE,), "LOG.md", _replace_in_page, 4),
        "run": Target((_RUN,), "r/run.json", _read_run, 6),
        "data lock": Target((_DATA_LOCK,), "r/data.lock.json", _read_run, 6),
        "log": Target((_log("json"),), "x.json", lambda p: read_logs([p]), 4),
        "log archive": Target((_log("eval"),), "x.eval", lambda p: read_logs([p]), 2),
    }


_PAIRS_CSV = b"""prompt,response,tier,source,origin,split
Write on rain.,"It rained, again.",1,rain,written,train
Write on salt.,"Salt is ""free"".",2,salt,extracted,train
Write on bread.,Bread is air.,3,bread,footnote,val
"""

_SUITE = b"""\
description: Two prompts.
canaries:
  - id: opera
    kind: hot_take
    prompt: Is opera too long?
    subjects: []
    first_person_licensed: false
    facts: []
    target_words: [30, 90]
  - id: weil
    kind: third_party
    prompt: >-
      Who was Simone Weil,
      in short?
    subjects: [Simone Weil]
    first_person_licensed: true
    facts:
      - She taught philosophy.
    target_words: [60, 60]
"""

_SCORES = b"run,canary,epoch,dimension,value,licensed\n" + b"".join(
    b"%s,c%d,%d,%s,0.%d,false\n" % (run, canary, epoch, dimension, canary)
    for run in (b"baseline", b"run1")
    for canary in range(3)
    for epoch in (1, 2)
    for dimension in (b"humor", b"integrity")
)

_LABELS = b"id,prompt,text,label,subjects,first_person_licensed,target_words,rater_a\n" + b"".join(
    b'r%d,Write.,"The goat, number %d, is up.",%d,A. Name; B. Name,true,10-40,%d\n' % (n, n, n % 2, n % 2)
    for n in range(24)
)

_ANSWERS = (
    b'{"id": "a", "prompt": "A note on umbrellas.", "text": "Nobody owns one.", "subjects": ["A. Name"], '
    b'"first_person_licensed": false, "target_words": [30, 90]}\n'
    b'{"id": "b", "prompt": "On tea.", "text": "Tea is late.\\nSo am I."}\n'
)

_HUMOR = b"id,text,is_humor,humor_rating,offense_rating\na,A goat walks in.,1,2.5,0.0\nb,Rain today.,0,,0.5\n"

_SERVER = b"""{"port": 80, "base": "b", "base_sha256": "aaaa", "dtype": "f", "rank": 8, "modules": ["q"], "pid": 9}
"""

_PAGE = b"""# Log

<!-- timbre:run1 begin -->
Old.
<!-- timbre:run1:notes begin -->

Mine.

<!-- timbre:run1:notes end -->
<!-- timbre:run1 end -->
"""

_RUN = b"""{"schema_version": 2, "status": "completed", "recipe": "aaaa", "base": "smollm2", "seed": 1, "wall_s": 3.5,
 "base_sha256": "bbbb", "lora": {"rank": 8, "alpha": 16, "target_modules": ["q_proj"]}, "packages": {"torch": "2"},
 "epochs": [{"epoch": 1, "train_loss": 2.5, "val_loss": null, "grad_norm": 1.0, "adapter": "epochs/1"}],
 "checksums": {"adapter/adapter_model.safetensors": "cccc"}, "git": {"sha": "dddd", "dirty": false}, "peak_mb": 900}
"""

_DATA_LOCK = b"""{"sha256": "aaaa", "pairs": [
 {"line": 1, "split": "train", "tier": 1, "prompt": "A?", "response": "B.", "before": [["system", "C"]]},
 {"line": 2, "split": "val", "tier": 2, "prompt": "D?", "response": "E.", "tokens": 9}]}
"""


def _scores_parquet() -> bytes:
    from results.table import read_scores, write_scores

    with tempfile.TemporaryDirectory() as folder:
        table, made = Path(folder) / "t.csv", Path(folder) / "t.parquet"
        table.write_bytes(_SCORES)
        write_scores(read_scores(table), made)
        return made.read_bytes()


def _lines(records: list[dict[str, Any]]) -> bytes:
    return "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode() + b"\n"


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import io

    import pandas as pd

    file = io.BytesIO()
    pd.DataFrame(rows).to_parquet(file, index=False)
    return file.getvalue()


def _licence() -> tuple[str, bytes]:
    """A licence and the name that its file has."""
    import numpy as np

    from judges.licensing.agreement import agreement
    from judges.licensing.licence import Licence, write_licence

    labels = np.arange(40, dtype=np.float64) % 2
    figures = agreement(labels * 0.6 + 0.2, labels, labels == 1, np.log(np.arange(40) + 5.0))
    licence = Licence.model_validate(
        {
            **{
                "judge": "slop",
                "dimension": "hashtag_slop",
                "version": 1,
                "parts": {},
                "domain": "canary answers",
            },
            **{"labelled_by": "people", "n": 40, "n_positive": 20, "n_unscored": 0, "label_kind": "binary"},
            **{
                "scale": (0, 1),
                "yes_from": 0.5,
                "labels_sha256": "1" * 64,
                "cut_off": 0.5,
                "created": "2026-03-01",
            },
            **{"agreement": figures, "raters": 0, "rater_agreement": None, "retest_flip_rate": 0.0},
            **{"position_bias": None, "injection_flip_rate": 0.0},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = write_licence(licence, Path(folder))
        return path.name, path.read_bytes()


def _log(kind: str) -> bytes:
    """An Inspect log of one run over two canaries."""
    from inspect_ai.log import (
        EvalConfig,
        EvalDataset,
        EvalLog,
        EvalResults,
        EvalSample,
        EvalSpec,
        write_eval_log,
    )
    from inspect_ai.model import ModelOutput
    from inspect_ai.scorer import Score

    facts = {
        "run": "run1",
        "identity": "a" * 64,
        "base": "b",
        "suite": "smoke",
        "server": {"dtype": "bfloat16"},
    }
    judged = {
        "value": 0.5,
        "evidence": [{"text": "An", "start": 0, "end": 2, "why": "x"}],
        "details": {"n": 1},
    }
    samples = [
        EvalSample(
            id=f"c{n}", epoch=1, input="Write.", target="", output=ModelOutput.from_content("run1", "An answer."),
            scores={"voice": Score(value={"humor": 0.5}, metadata={"judgements": {"humor": judged}})},
            metadata={"kind": "personal", "first_person_licensed": True},
        )
        for n in range(2)
    ]  # fmt: skip
    log = EvalLog(
        status="success",
        eval=EvalSpec(
            created="2026-03-01T10:00:00+00:00", task="voice", dataset=EvalDataset(), model="voice/run1",
            config=EvalConfig(epochs=1), metadata={"timbre": facts},
        ),
        results=EvalResults(total_samples=2, completed_samples=2),
        samples=samples,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{kind}"
        write_eval_log(log, str(path))
        return path.read_bytes()


def _replace_in_page(path: Path) -> object:
    from results.markdown import fence, read_page, replace_section

    return replace_section(read_page(path, ""), "run1", fence("An answer."), str(path))


def _read_run(path: Path) -> object:
    """Everything of the run in the folder of ``path``, whose other files are sound."""
    from training.runs import read_run

    folder = path.parent
    (folder / "adapter").mkdir(exist_ok=True)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"weights")
    if path.name != "run.json":
        (folder / "run.json").write_bytes(_RUN)
    run = read_run(folder.name, folder.parent)
    return (run.data, run.config, run.served_name) if run else None


def damaged(kind: str, target: Target, number: int) -> bytes:
    """The input of that number, always the same."""
    rng = random.Random(f"{kind} {number}")
    return damage(rng.choice(target.seeds), rng)


def complaint(target: Target, path: Path) -> str:
    """What is wrong with how the file at ``path`` is read; empty where it is read, or refused as it should be."""
    try:
        target.read(path)
    except TimbreError as error:
        message = str(error)
        if visible(message) != message:
            return f"a message with a control character: {message[:200]!r}"
        if len(message) > LONGEST_ERROR:
            return f"a message of {len(message)} characters: {message[:200]!r}"
        if path.name not in message and str(path.parent) not in message:
            return f"a message without the file: {message[:200]!r}"
    except Exception:
        return traceback.format_exc(limit=-4)
    return ""


def main() -> None:
    """Try as many inputs as asked for, in shares, and print a line for each kind and each complaint."""
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=int)
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--first", type=int, default=0, help="number of the first input of each kind")
    arguments = parser.parse_args()
    only = set(filter(None, arguments.only.split(",")))
    chosen = {kind: target for kind, target in targets().items() if not only or kind in only}
    shares = sum(target.share for target in chosen.values())

    def hang(*_: object) -> None:
        raise TimeoutError(f"more than {HANG_S} s")

    signal.signal(signal.SIGALRM, hang)
    lost = tried = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, target in chosen.items():
            path = Path(folder) / kind.replace(" ", "_") / target.name
            path.parent.mkdir(parents=True)
            count, seen, slowest = arguments.inputs * target.share // shares, Counter[str](), (0.0, 0)
            started, peak = time.process_time(), _peak_mb()
            for number in range(arguments.first, arguments.first + count):
                data = damaged(kind, target, number)
                path.write_bytes(data)
                began = time.process_time()
                signal.alarm(HANG_S)
                said = complaint(target, path)
                signal.alarm(0)
                took = time.process_time() - began
                slowest = max(slowest, (took, number))
                said = said or (f"{took:.1f} s" if took > SECOND * (1 + len(data) // 10**6) else "")
                if said:
                    lost += 1
                    seen[said.splitlines()[-1][:160]] += 1
                    if seen[said.splitlines()[-1][:160]] == 1:
                        print(f"{kind} {number}: {said}", flush=True)
            tried += count
            gc.collect()
            print(
                f"{kind:<14} {count:>7} inputs  {seen.total():>5} lost  "
                f"{time.process_time() - started:6.0f} s  slowest {slowest[0]:.2f} s (input {slowest[1]})  "
                f"peak memory +{_peak_mb() - peak:.0f} MB",
                flush=True,
            )
    print(f"{tried} inputs, {lost} lost, peak memory {_peak_mb():.0f} MB")
    sys.exit(1 if lost else 0)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

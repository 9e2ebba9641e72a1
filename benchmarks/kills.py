"""Kill -9 at random moments of training, conversion, export and gate: what is left is whole, old or new.

    python benchmarks/kills.py 50 [--seed 0] [--only embedded]

Each job is done once undisturbed, which counts its moments: what it opens to write, makes, renames and removes, and
hundredths of a second of CPU time. Then it is killed at one of them, drawn at random, and the disk is read. Training
goes on from what the kill left. Prints a JSON line; exits 1 where anything was lost or read half-written.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "shutil.copyfile")
OPENED_TO_WRITE = os.O_WRONLY | os.O_RDWR
PAIRS = (
    ("Of tea?", "Tea is a wet leaf.", "train"),
    ("Of soup?", "Soup sulks.", "train"),
    ("Of rain?", "It is late.", "val"),
)
TOKENS = 4200
"""Of the random base; a reader of GGUF takes ten seconds for the embedded base's 49,152."""

JOBS = ("training", "conversion", "embedded", "export", "gate")
SETTINGS: dict[str, Any] = {
    "quantization": "none",
    "target_modules": ("q_proj",),
    "rank": 8,
    "epochs": 2,
    "warmup_steps": 0,
}


def make_base(folder: Path) -> Path:
    """A random two-layer base with the first tokens of the embedded base's, where the model is not the point."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from training.base import EMBEDDED, resolve_base

    AutoTokenizer.from_pretrained(resolve_base(EMBEDDED).path).save_pretrained(folder)
    file = folder / "tokenizer.json"
    table = json.loads(file.read_text(encoding="utf-8"))
    vocabulary = {token: at for token, at in table["model"]["vocab"].items() if at < TOKENS}
    merges = [pair for pair in table["model"]["merges"] if "".join(pair) in vocabulary]
    table["model"] |= {"vocab": vocabulary, "merges": merges}
    file.write_text(json.dumps(table), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model: Any = LlamaForCausalLM
    model(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@dataclass
class Job:
    """Something that writes.

    Attributes:
        work: Does it, from whatever is there.
        fault: What is wrong with what is on the disk; empty where all is whole.
        reset: Puts the disk back before the work, where it doesn't go on from a kill.
    """

    work: Callable[[], object]
    fault: Callable[[], str]
    reset: Callable[[], object]


def in_child(job: Job, home: Path, *, write: int = 0, cpu_s: float = 0.0) -> int:
    """Do a job in a child that dies at its ``write``-th write or after ``cpu_s``; its wait status."""
    pid = os.fork()
    if pid:
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if cpu_s and _cpu_s(pid) >= cpu_s:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.005)
        return os.waitpid(pid, 0)[1]
    log = os.open(home / "child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    writes = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal writes
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & OPENED_TO_WRITE
        if opens or event in WRITES:
            writes += 1
            if writes == write:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    began = sum(os.times()[:2])
    try:
        job.work()
        (home / "moments").write_text(f"{writes} {sum(os.times()[:2]) - began}")
        os._exit(0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def training_job(home: Path, base: Path) -> Job:
    """A run that is trained, and once it is whole replaced by another of its name."""
    from timbre.paths import runs_dir
    from training.config import TrainConfig
    from training.qlora import train_voice
    from training.runs import adapter_checksums, read_run

    data = home / "pairs.jsonl"
    data.write_text("".join(json.dumps({"prompt": p, "response": r, "split": s}) + "\n" for p, r, s in PAIRS))

    def config(seed: int) -> TrainConfig:
        return TrainConfig(base=str(base), data=str(data), seed=seed, **SETTINGS)

    def work() -> None:
        run = read_run("mine")
        partial = runs_dir() / ".mine.partial" / "config.toml"
        unfinished = partial.read_text() if partial.is_file() else ""
        seed = int(run.seed or 0) + 1 if run else 1
        train_voice(config(seed), "mine", resume="seed" in unfinished, replace=True)

    def fault() -> str:
        folders = [folder for folder in runs_dir().glob("*") if folder.is_dir()]
        whole = [folder.name for folder in folders if (run := read_run(folder.name))]
        for name in whole:
            run = read_run(name)
            assert run is not None
            if dict(run.checksums) != adapter_checksums(run.path) or len(run.epochs) != 2 or not run.pairs:
                return f"{name} is read as whole and is not"
        had_one = (home / "had-one").exists()
        if had_one and "mine" not in whole and read_run(".mine.replaced") is None:
            return "the run that was there before is lost"
        if "mine" in whole:
            (home / "had-one").touch()
        return ""

    return Job(work, fault, lambda: None)


def conversion_job(name: str, folders: str) -> Job:
    """A base that is converted and stored in a folder of this pattern: the embedded one, or one rounded to nf4."""
    import shutil

    from timbre.paths import models_dir
    from training.base import base_identity, resolve_base

    def stored() -> list[Path]:
        return [folder for folder in models_dir().glob(folders) if folder.is_dir()]

    def fault() -> str:
        for folder in stored():
            if json.loads((folder / "base.json").read_text())["identity"] != base_identity(folder):
                return f"{folder.name} is read as whole and is not"
        return ""

    def reset() -> None:
        for folder in stored():
            shutil.rmtree(folder)

    return Job(lambda: resolve_base(name), fault, reset)


def page_job(page: Path, write: Callable[[], object], before: str | None) -> Job:
    """A page that is written anew; ``before`` is what stands there first, None for nothing."""
    after: list[str] = []

    def fault() -> str:
        text = page.read_text() if page.exists() else None
        if not after and text != before:
            after.append(text or "")
        return "" if text in (before, *after) else f"{page.name} is neither the old page nor the new one"

    def reset() -> None:
        page.unlink(missing_ok=True) if before is None else page.write_text(before)

    return Job(write, fault, reset)


def export_job(home: Path) -> Job:
    """A section in a log that holds notes of a person."""
    from results.log import put_section

    page = home / "LOG.md"
    body = "## run2\n\n" + "A sentence of the section.\n" * 20_000
    return page_job(page, lambda: put_section(page, "run2", body), "# Experiment log\n\nMy own words.\n")


def gate_job(home: Path) -> Job:
    """The gate's verdict as JUnit."""
    from timbre.cli import cli

    table, page = home / "table.csv", home / "gate.xml"
    draw = random.Random(0)
    rows = [f"{run},c{c},1,compression,{draw.random():.3f}\n" for run in ("a", "b") for c in range(12)]
    table.write_text("run,canary,epoch,dimension,value\n" + "".join(rows))
    gate = ["gate", "--baseline", "a", "--candidate", "b", "--scores", str(table), "--junit", str(page)]

    def work() -> None:
        try:
            cli(gate, standalone_mode=False)
        except SystemExit:
            return

    return page_job(page, work, None)


def run(kills: int, seed: int, only: Sequence[str], home: Path, base: Path) -> list[str]:
    """Kill ``kills`` times in jobs of these names; print the figures, return what was lost or half-written."""
    # Loaded once, here: each child would take longer to load them than to do its work.
    import accelerate  # type: ignore[import-untyped] # noqa: F401
    import bitsandbytes  # noqa: F401
    import peft  # noqa: F401
    from transformers import Trainer  # noqa: F401

    from results import gate  # noqa: F401
    from training.base import EMBEDDED

    draw = random.Random(seed)
    every = {
        "training": training_job(home, base),
        "conversion": conversion_job(f"nf4:{base}", "nf4-*"),
        "embedded": conversion_job(EMBEDDED, EMBEDDED),
        "export": export_job(home),
        "gate": gate_job(home),
    }
    jobs = {name: every[name] for name in only}
    faults, moments, killed = [], {}, Counter[str]()
    for name, job in jobs.items():
        job.reset()
        if in_child(job, home) != 0:
            raise SystemExit(f"{name} fails undisturbed:\n{(home / 'child.log').read_text()[-3000:]}")
        writes, cpu_s = (home / "moments").read_text().split()
        moments[name] = (int(writes), float(cpu_s))
        faults += [fault for fault in [job.fault()] if fault]
    while sum(killed.values()) < kills:
        name = draw.choices(list(jobs), weights=[3 if name == "training" else 1 for name in jobs])[0]
        job, (last_write, most_cpu_s) = jobs[name], moments[name]
        job.reset()
        at: dict[str, float] = (
            {"write": draw.randint(1, last_write)}
            if draw.random() < 0.7
            else {"cpu_s": draw.uniform(0, most_cpu_s)}
        )
        status = in_child(job, home, **at)  # type: ignore[arg-type]
        killed[name] += os.WIFSIGNALED(status)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            faults.append(f"{name} failed after a kill: {(home / 'child.log').read_text()[-2000:]}")
            break
        faults += [f"{name} at {at}: {fault}" for fault in [job.fault()] if fault]
    for name, job in jobs.items():
        if in_child(job, home) or job.fault():
            faults.append(f"{name} does not end well after the kills: {job.fault()}")
    print(json.dumps({"kills": sum(killed.values()), **killed, "moments": moments, "lost": len(faults)}))
    return faults


def main(arguments: Sequence[str] | None = None) -> None:
    """Kill, report, and say by the exit status whether all was whole."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=JOBS, default=JOBS)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        # A child that is forked has none of OpenMP's other threads, and would wait for them for ever.
        threads = {"OMP_NUM_THREADS": "1", "TIMBRE_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        os.environ.update(threads, TIMBRE_HOME=folder)
        base = make_base(home / "base")
        sys.exit("\n".join(run(given.kills, given.seed, given.only, home, base)) or 0)


if __name__ == "__main__":
    main()

"""Both risks of the gate on simulated tables, its power, and how fast its statistics are.

    .venv/bin/python benchmarks/gate.py          # twenty minutes on one core
    .venv/bin/python benchmarks/gate.py 100      # simulations a row (150)
    .venv/bin/python benchmarks/gate.py 300 smoke   # only the smoke suite's gate as a whole
    .venv/bin/python benchmarks/gate.py 100 rises   # only rises of faults on many canaries, asked again
    .venv/bin/python benchmarks/gate.py 400 detections   # only losses at the n that `timbre power` names
    .venv/bin/python benchmarks/gate.py 100 smoke LOGS A B 2   # the same with 2 takes drawn from real logs

A *false pass* is a PASS where the true loss is one margin, of one dimension alone: paired gains that are normal,
skewed, in steps of a quarter, or where a share of the canaries collapses by the whole scale while the others
stay as they were. For those, four times as many simulations are made as are asked for.

For the others two runs answer the same canaries twice. The scores have the shapes that judges give: normal,
skewed towards 0, Likert steps, mostly 0 with some 1, and clustered (takes of one canary alike). A *false block* is
REGRESSED where nothing changed; a *detection* is REGRESSED where one soft dimension lost twice its margin, or a
hard fault shows on a fifth of the canaries; a *sound pass* is PASS where nothing was lost at the n that
`timbre power` names. Rates with Wilson 95 % intervals.

From LOGS with many takes of the smoke suite (``-T suite=smoke --epochs 34``) takes are drawn anew with replacement,
each with all its scores: of A on both sides, of B on both sides, and of A against B.
"""

import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from results.comparison import side_by_side, soft_verdict
from results.gate import gate
from results.licences import Basis
from results.logs import read_logs
from results.policy import Policy, load_policy
from results.power import power
from results.statistics import (
    canaries_needed,
    fault_canaries_to_block,
    mean_interval,
    safe_low,
)
from results.table import COLUMNS, score_table
from results.verdicts import EXIT_CODES, RETAKES, GateResult
from timbre.stats import rate_interval

SOFT = ("compression", "specificity", "voice_match", "hashtag_slop")
HARD = ("self_insertion", "memorization")
SHIPPED = load_policy()


def policy_of(keys: Iterable[str]) -> Policy:
    """The shipped policy of some dimensions alone."""
    return SHIPPED.model_copy(update={"dimensions": {key: SHIPPED.dimensions[key] for key in keys}})


POLICY = policy_of((*SOFT, *HARD))
EPOCHS = 2
Shape = Callable[[np.random.Generator, int], "np.ndarray"]


def _clustered(rng: np.random.Generator, n: int) -> "np.ndarray":
    return np.clip(rng.beta(1, 2, (n, 1)) + rng.normal(0, 0.05, (n, EPOCHS)), 0, 1)


SHAPES: dict[str, Shape] = {
    "normal": lambda rng, n: np.clip(rng.normal(0.5, 0.2, (n, EPOCHS)), 0, 1),
    "skewed": lambda rng, n: rng.beta(0.5, 3, (n, EPOCHS)),
    "steps of a quarter": lambda rng, n: rng.integers(0, 5, (n, EPOCHS)) / 4,
    "mostly 0": lambda rng, n: (rng.random((n, EPOCHS)) < 0.1).astype(float),
    "clustered": _clustered,
}


Runs = dict[str, dict[str, "np.ndarray"]]
Gains = Callable[[np.random.Generator, int, float], "np.ndarray"]

LOSSES: dict[str, Gains] = {
    "normal": lambda rng, n, loss: rng.normal(-loss, 0.2, n),
    "skewed": lambda rng, n, loss: 0.15 - loss - rng.exponential(0.15, n),
    "steps of a quarter": lambda rng, n, loss: (
        rng.choice([-0.25, 0.0, 0.25], n) - 0.25 * (rng.random(n) < 4 * loss)
    ),
    "a share collapses": lambda rng, n, loss: rng.normal(0, 0.05, n) - (rng.random(n) < loss),
    "half of it collapses": lambda rng, n, loss: rng.normal(-loss / 2, 0.05, n) - (rng.random(n) < loss / 2),
}


def false_passes(simulations: int) -> None:
    """A true loss of one margin, by shape, margin and n; the worst that a canary can lose is the whole scale."""
    for name, gains in LOSSES.items():
        for margin in (0.05, 0.1):
            for n in (8, 12, 20, 30, 60, 169):
                rng = np.random.default_rng(n)
                drawn = (gains(rng, n, margin) for _ in range(simulations))
                hits = sum(
                    soft_verdict(mean_interval(g), safe_low(g, 1.0), margin, margin) == "PASS" for g in drawn
                )
                line(f"{name}, margin {margin}", n, hits, simulations)


def sound_passes(simulations: int) -> None:
    """Nothing lost, at the n that is named."""
    for spread in (0.05, 0.1, 0.2):
        for margin in (0.05, 0.1):
            n, rng = canaries_needed(spread, margin), np.random.default_rng(3)
            drawn = (rng.normal(0, spread, n) for _ in range(simulations))
            hits = sum(
                soft_verdict(mean_interval(g), safe_low(g, 1.0), margin, margin) == "PASS" for g in drawn
            )
            line(f"paired spread {spread}, margin {margin}", n, hits, simulations)


def table(values: dict[str, dict[str, "np.ndarray"]]) -> pd.DataFrame:
    """A score table from run -> dimension -> (canaries, epochs)."""
    frames = []
    for run, dimensions in values.items():
        for key, array in dimensions.items():
            canary, epoch = np.indices(array.shape)
            frames.append(
                pd.DataFrame(
                    {"canary": canary.ravel(), "epoch": epoch.ravel() + 1, "value": array.ravel()}
                ).assign(run=run, dimension=key)
            )
    rows = pd.concat(frames, ignore_index=True)
    rows["canary"] = "c" + rows["canary"].astype(str).str.zfill(4)
    return rows.assign(kind="", unscored="", licensed=False, truncated=False, identity="", judge="")[
        list(COLUMNS)
    ]


def arms(rng: np.random.Generator, shape: Shape, n: int) -> Runs:
    """Two runs between which nothing changed; hard faults where a canary invites them, in either."""
    difficulty = rng.beta(1, 6, (n, 1))
    made = {}
    for run in ("a", "b"):
        soft = {key: shape(rng, n) for key in SOFT}
        hard = {key: (rng.random((n, EPOCHS)) < difficulty).astype(float) for key in HARD}
        made[run] = soft | hard
    if shape is _clustered:
        for key in SOFT:
            made["b"][key] = np.clip(made["a"][key] + rng.normal(0, 0.1, (n, EPOCHS)), 0, 1)
    return made


def blocks(rng: np.random.Generator, simulations: int, make: Callable[[np.random.Generator], Runs]) -> int:
    """How many of the simulated gates end REGRESSED.

    Raises:
        ValueError: runs that the gate can't compare were made.
    """
    made = (decided(table(make(rng)), POLICY, Basis(licences=None)) for _ in range(simulations))
    return sum(result.overall == "REGRESSED" for result in made)


def decided(rows: pd.DataFrame, policy: Policy, basis: Basis) -> GateResult:
    """The gate on two simulated runs.

    Raises:
        ValueError: it can't compare them, which no count of verdicts should hide.
    """
    result = gate(rows, "a", "b", policy, basis)
    if result.overall == "ERROR":
        raise ValueError("; ".join(result.problems))
    return result


def lost(rng: np.random.Generator, n: int, spread: float, key: str) -> Runs:
    """Two runs of which the second lost twice the margin on one dimension; paired spread as given.

    Paired gains spread over a semicircle of twice the spread around the loss, so that up to .2 none leaves the scale.
    """
    made = arms(rng, SHAPES["normal"], n)
    made["b"] = dict(made["a"])
    for soft in SOFT:
        sign = -1 if POLICY.dimensions[soft].direction == "up" else 1
        shift = 2 * float(POLICY.dimensions[soft].margin) * sign if soft == key else 0.0
        made["a"][soft] = np.full((n, EPOCHS), 0.5 - shift / 2)
        made["b"][soft] = made["a"][soft] + shift + 2 * spread * (2 * rng.beta(1.5, 1.5, (n, 1)) - 1)
    return made


def faulty(rng: np.random.Generator, n: int) -> Runs:
    """Two equal runs, but that the second shows a hard fault on a fifth of the canaries."""
    made = arms(rng, SHAPES["normal"], n)
    made["a"]["self_insertion"] = np.zeros((n, EPOCHS))
    fault = np.repeat(rng.random((n, 1)) < 0.2, EPOCHS, axis=1)
    made["b"] = {**made["a"], "self_insertion": fault.astype(float)}
    return made


USUAL = {
    "integrity": np.full(12, 0.05),
    "self_insertion": np.full(12, 0.03),
    "memorization": np.zeros(12),
}
"""How often each canary of the smoke suite shows a hard fault, by dimension."""
_BROKEN = np.array([0.9, 0.5, 0.05, 0.5, 0.9, 0.05, 0.05, 0.5, 0.05, 0.5, 0.05, 0.5])
"""``integrity`` of a base of 135M parameters, about as it was seen."""
_ONE = np.append(0.7, np.zeros(11))
_THIRD = np.append(np.ones(4), USUAL["self_insertion"][4:])

FaultRates = tuple[dict[str, "np.ndarray"], dict[str, "np.ndarray"]]
Losses = dict[str, Callable[[np.random.Generator], "np.ndarray"]]
Takes = Mapping[str, Sequence[pd.DataFrame]]
"""The score rows of each take, by canary."""
FAULT_RATES: dict[str, FaultRates] = {
    "nothing changed": ({}, {}),
    "nothing changed, half of the canaries break": ({"integrity": _BROKEN}, {"integrity": _BROKEN}),
    "one canary from never to 7 in 10 takes": ({"self_insertion": np.zeros(12)}, {"self_insertion": _ONE}),
    "35 in 100 more takes of every canary": ({}, {"self_insertion": USUAL["self_insertion"] + 0.35}),
    "a third of the canaries to always": ({}, {"self_insertion": _THIRD}),
}
"""Fault rates by canary of two runs where they aren't the usual ones, by hard dimension."""

SMOKE_SOFT = ("relevance", "compression", "specificity", "voice_match", "hashtag_slop")
_NOTHING: Losses = dict.fromkeys(SMOKE_SOFT, lambda rng: np.zeros(12))
LOSSES_BY_CANARY: dict[str, Losses] = {
    "sound": _NOTHING,
    "one canary loses .35 in every soft dimension": dict.fromkeys(
        SMOKE_SOFT, lambda rng: np.append(0.35, np.zeros(11))
    ),
    "every canary loses .35 in compression": _NOTHING | {"compression": lambda rng: np.full(12, 0.35)},
    "35 in 100 canaries lose all they have in compression": _NOTHING
    | {"compression": lambda rng: (rng.random(12) < 0.35).astype(float)},
}
"""Losses by canary, by soft dimension; hard faults are the usual ones."""


def asked_again(simulations: int) -> None:
    """Hard dimensions on twelve canaries by the smoke suite's policy, before and after new faults are asked again."""
    for name, rates in FAULT_RATES.items():
        smoke_gates(name, simulations, rates, {})


class Rise(NamedTuple):
    """Two runs of which the second shows faults of ``integrity`` more often on some of its canaries."""

    n: int  # canaries
    takes: int  # at first, of each
    faulty: int  # canaries that show the fault at all
    before: float  # share of their takes with it
    after: float
    suite: str


RISES = (
    Rise(169, 2, 20, 0.1, 0.1, "full"),
    Rise(169, 2, 20, 0.1, 0.3, "full"),
    Rise(99, 2, 99, 0.01, 0.01, "full"),
    Rise(99, 2, 99, 0.03, 0.03, "full"),
    Rise(12, 6, 12, 0.1, 0.1, "smoke"),
    Rise(12, 6, 12, 0.1, 0.25, "smoke"),
)


def rises_asked_again(simulations: int) -> None:
    """A rise on many canaries that none of them proves alone, and the same runs with none."""
    for rise in RISES:
        what = f"{rise.faulty} of {rise.n} canaries, {rise.takes} takes, {rise.before} to {rise.after}"
        rng = np.random.default_rng(1)
        two_step_lines(what, [risen(rng, rise) for _ in range(simulations)], rise.n)
    moved_rates(simulations)
    two_step_lines("5 of 169 canaries recite, each 6 of 32 takes against 1", [five_recite()], 169)


def risen(rng: np.random.Generator, rise: Rise) -> tuple[GateResult, GateResult]:
    """The gate on drawn takes of two such runs, before and after new faults are asked again."""
    share = np.zeros((2, rise.n, 1))
    share[:, : rise.faulty] = np.array([rise.before, rise.after])[:, None, None]
    faults = rng.random((2, rise.n, rise.takes + RETAKES)) < share
    return faults_in_two_steps(faults, rise.takes, rise.suite)


def five_recite() -> tuple[GateResult, GateResult]:
    """Five canaries recite once in two takes, and asked again in 6 of 32 takes against 1: 30 of 160 against 5."""
    faults = np.zeros((2, 169, 2 + RETAKES))
    faults[0, :5, 2] = faults[1, :5, 0] = faults[1, :5, 2:8] = 1
    return faults_in_two_steps(faults, 2, "full")


def moved_rates(simulations: int) -> None:
    """No more faults than before, but on other canaries: a rate drawn anew for each canary of each run."""
    for n, takes, suite, of_take in ((169, 2, "full", 20), (12, 6, "smoke", 6)):
        rng, results = np.random.default_rng(1), []
        for _ in range(simulations):
            faults = rng.random((2, n, takes + RETAKES)) < rng.beta(1, of_take, (2, n, 1))
            results.append(faults_in_two_steps(faults, takes, suite))
        two_step_lines(f"{n} canaries, {takes} takes, faults moved: rates Beta(1, {of_take})", results, n)


def faults_in_two_steps(faults: "np.ndarray", takes: int, suite: str) -> tuple[GateResult, GateResult]:
    """The gate on faults of ``integrity``, shape (2 runs, canaries, takes and retakes), at a third of the level."""
    rows = table({run: {"integrity": own.astype(float)} for run, own in zip("ab", faults, strict=True)})
    policy = policy_of(["integrity"]).model_copy(update={"hard_alpha": SHIPPED.hard_alpha / len(USUAL)})
    early, late = rows[rows["epoch"] <= takes], rows[rows["epoch"] > takes]
    return in_two_steps(early, partial(of_canaries, late), policy, suite)


def smoke_suite(simulations: int) -> None:
    """All dimensions of the smoke suite that need no licence, before and after new faults are asked again."""
    for spread in (0.1, 0.15):
        smoke_gates(f"sound, paired spread {spread}", simulations, ({}, {}), _NOTHING, spread)
    for name, losses in LOSSES_BY_CANARY.items():
        smoke_gates(name, simulations, ({}, {}), losses)


def smoke_gates(name: str, simulations: int, rates: FaultRates, losses: Losses, spread: float = 0.2) -> None:
    """Twelve canaries by the smoke suite's policy: the verdicts before and after new faults are asked again.

    A take of a soft dimension lies around its canary's level, N(.5, .1), with that spread: so do paired gains.
    """
    policy, rng = policy_of((*USUAL, *losses)), np.random.default_rng(4)
    results = []
    for _ in range(simulations):
        levels = {key: rng.normal(0.5, 0.1, (12, 1)) for key in losses}
        takes: Runs = {}
        for run, own in zip("ab", rates, strict=True):
            takes[run] = {
                key: (rng.random((12, EPOCHS + RETAKES)) < own.get(key, usual)[:, None]).astype(float)
                for key, usual in USUAL.items()
            }
            for key, lost_by in losses.items():
                better = 1 if SHIPPED.dimensions[key].direction == "up" else -1
                shift = -better * lost_by(rng)[:, None] if run == "b" else 0.0
                takes[run][key] = np.clip(levels[key] + rng.normal(0, spread, (12, EPOCHS)) + shift, 0, 1)
        rows = table(takes)
        early, late = rows[rows["epoch"] <= EPOCHS], rows[rows["epoch"] > EPOCHS]
        results.append(in_two_steps(early, partial(of_canaries, late), policy))
    two_step_lines(name, results)


def of_canaries(rows: pd.DataFrame, canaries: Sequence[str]) -> pd.DataFrame:
    """The rows of some canaries."""
    return rows[rows["canary"].isin(canaries)]


def in_two_steps(
    early: pd.DataFrame, ask: Callable[[Sequence[str]], pd.DataFrame], policy: Policy, suite: str = "smoke"
) -> tuple[GateResult, GateResult]:
    """A suite's gate on the first takes, and after ``ask`` gave further ones of what showed a new fault."""
    basis = Basis(licences=None, suite=suite)
    first = decided(early, policy, basis)
    if not first.to_ask_again:
        return first, first
    return first, decided(early, policy, replace(basis, retakes=ask(first.to_ask_again)))


def two_step_lines(name: str, results: Sequence[tuple[GateResult, GateResult]], n: int = 12) -> None:
    """A row for each verdict at first and in the end, and the dimensions that stayed open."""
    verdicts = [Counter(result.overall for result in step) for step in zip(*results, strict=True)]
    for verdict in EXIT_CODES:
        for when, counts in zip(("at first", "in the end"), verdicts, strict=True):
            line(f"{name}: {verdict} {when}", n, counts[verdict], len(results))
    open_ones = Counter(d.dimension for _, last in results for d in last.having("INCONCLUSIVE"))
    print("    open in the end:", dict(open_ones.most_common()))


def real_takes(simulations: int, logs: Path, runs: tuple[str, str], count: int) -> None:
    """The smoke suite's gate on so many takes, drawn with replacement from logs that hold many of each canary."""
    scores = score_table(read_logs([logs], runs, "smoke"))
    policy = policy_of(key for key, rule in SHIPPED.dimensions.items() if not rule.needs_licence)
    scores = scores[scores["dimension"].isin(policy.dimensions)]
    takes: dict[str, Takes] = {
        str(run): {
            str(canary): [rows for _, rows in of.groupby("epoch")] for canary, of in own.groupby("canary")
        }
        for run, own in scores.groupby("run")
    }
    for before, after in ((runs[0], runs[0]), (runs[1], runs[1]), runs):
        rng, sides = np.random.default_rng(5), {"a": takes[before], "b": takes[after]}
        results = [
            in_two_steps(drawn(rng, sides, 1, count), partial(drawn, rng, sides, count + 1, RETAKES), policy)
            for _ in range(simulations)
        ]
        two_step_lines(f"{after} against {before}", results)


def drawn(
    rng: np.random.Generator,
    sides: Mapping[str, Takes],
    first: int,
    count: int,
    canaries: Sequence[str] | None = None,
) -> pd.DataFrame:
    """So many takes of each canary (of all, or of those named) on both sides, numbered from ``first``."""
    return pd.concat(
        [
            of[int(rng.integers(len(of)))].assign(epoch=epoch, run=side, identity="")
            for side, takes in sides.items()
            for of in (takes[canary] for canary in canaries or takes)
            for epoch in range(first, first + count)
        ],
        ignore_index=True,
    )


def line(what: str, n: int, hits: int, simulations: int) -> None:
    """One row of the table."""
    rate = rate_interval(hits, simulations)
    told = f"{100 * rate.estimate:5.1f} %  [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
    print(f"{what:72} n {n:4}  {told}  of {simulations}", flush=True)


def detections(simulations: int) -> None:
    """Twice the margin lost, and a fault on a fifth of canaries, at the n named for them."""
    print("\nDetections: twice the margin lost, at the n that `timbre power` names")
    for key in ("compression", "hashtag_slop"):
        rng = np.random.default_rng(1)
        spread = 0.2
        pilot = table(lost(rng, 400, spread, key))
        named = {d.dimension: d for d in power(pilot, ["a", "b"], POLICY, Basis(licences=None))}[key].to_block
        assert named is not None
        hits = blocks(rng, simulations, partial(lost, n=named, spread=spread, key=key))
        line(f"{key}, paired spread {spread}", named, hits, simulations)
    rng = np.random.default_rng(2)
    named = fault_canaries_to_block(0.2, POLICY.hard_alpha / len(HARD) / 2)  # two tests of two takes
    line(
        "self_insertion on a fifth of canaries",
        named,
        blocks(rng, simulations, lambda r: faulty(r, named)),
        simulations,
    )


def speed() -> None:
    """All runs side by side over about 100,000 rows, 10,000 resamples a column."""
    rng = np.random.default_rng(9)
    keys = (*SOFT, *HARD, "humor", "provocativeness", "warmth", "words", "sentences", "ari", "lix", "rix")
    values = {f"r{i:02d}": {key: rng.random((169, 3)) for key in keys} for i in range(14)}
    rows = table(values)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    side_by_side(rows, list(values), POLICY)
    wall = time.perf_counter() - began
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    print(
        f"side by side, {len(rows):,} rows, 14 runs: {wall:.1f} s, {max(0.0, more):.0f} MB more at the peak"
    )


def main() -> None:
    """Measure and print."""
    simulations = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    match sys.argv[2:]:
        case ["smoke"]:
            return smoke_suite(simulations)
        case ["rises"]:
            return rises_asked_again(simulations)
        case ["detections"]:
            return detections(simulations)
        case ["smoke", logs, before, after, takes]:
            return real_takes(simulations, Path(logs), (before, after), int(takes))
    speed()
    print("\nFalse passes: one margin lost")
    false_passes(4 * simulations)
    print("\nSound passes: nothing lost, at the n that `timbre power` names")
    sound_passes(simulations)
    print("\nNew faults asked again: hard dimensions of the smoke suite")
    asked_again(simulations)
    rises_asked_again(simulations)
    print("\nThe smoke suite's gate as a whole")
    smoke_suite(simulations)
    print("\nFalse blocks: nothing changed")
    for name, shape in SHAPES.items():
        for n in (12, 30):
            rng = np.random.default_rng(n)
            line(name, n, blocks(rng, simulations, partial(arms, shape=shape, n=n)), simulations)
    detections(simulations)


if __name__ == "__main__":
    main()

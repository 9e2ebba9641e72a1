"""Recipes for a small voice, held against each other on sources that none of them was trained on.

    .venv/bin/python benchmarks/recipes.py FOLDER --folds 2       # the first two of four folds
    .venv/bin/python benchmarks/recipes.py FOLDER --table         # what there is so far

The shipped voice is parted by source into four folds. Each recipe is trained on three and asked the prompts
of the fourth, as are the base and the base with four pairs in its prompt; Timbre's judges score the answers.
Everything made stays in FOLDER, and the same command goes on where it stopped.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from results.logs import logged_runs, read_logs
from results.statistics import mean_interval
from results.table import score_table
from timbre.epochs_command import prompts_as_canaries
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT, DEFAULT_VOICE, models_dir
from training.config import load_config, to_toml

PRESETS = CHECKOUT / "training" / "presets"
FOLDS = 4
SHOTS = 4
SHOWN = ("voice_match", "humor", "hashtag_slop", "compression", "specificity", "memorization")

RECIPES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "log": ("log-run2", {}),
    "voice": ("voice", {}),
    "faster": ("voice", {"learning_rate": 5e-4}),
    "attention": ("voice", {"target_modules": ("q_proj", "k_proj", "v_proj", "o_proj")}),
    "rank-64": ("voice", {"rank": 64, "alpha": 128}),
    # rsLoRA divides alpha by sqrt(rank): at rank 16 that is four times alpha.
    "rslora": ("voice", {"alpha": 128}),
    "dropout": ("voice", {"dropout": 0.1}),
}
"""A preset and what is changed in it."""

EPOCHS = {"voice": (1, 3)}
"""Epochs that are asked beside the last."""


def fold_rows(fold: int) -> list[dict[str, Any]]:
    """The shipped pairs, with the fold's sources as validation pairs; sources go to the folds in turn."""
    rows = [json.loads(line) for line in DEFAULT_VOICE.read_text(encoding="utf-8").splitlines()]
    sources = list(dict.fromkeys(row["source"] for row in rows))
    aside = set(sources[fold::FOLDS])
    return [{**row, "split": "val" if row["source"] in aside else "train"} for row in rows]


def run(folder: Path, *command: str) -> None:
    """A command of the environment, at home in the folder.

    Raises:
        SystemExit: it failed.
    """
    program = str(Path(sys.executable).parent / command[0])
    here = {"TIMBRE_HOME": str(folder), "TIMBRE_MODELS": str(models_dir())}
    done = subprocess.run([program, *command[1:]], cwd=CHECKOUT, env={**os.environ, **here}, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed; the same command goes on")


def one_fold(folder: Path, fold: int, recipes: Sequence[str]) -> None:
    """Train every recipe on the fold's pairs, and ask all of them its prompts."""
    place = folder / f"fold{fold}"
    place.mkdir(parents=True, exist_ok=True)
    rows = fold_rows(fold)
    data, suite = place / "pairs.jsonl", place / f"fold{fold}.yaml"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    held_out = [(row["prompt"], row["response"]) for row in rows if row["split"] == "val"]
    canaries = prompts_as_canaries(held_out, f"fold{fold}")
    suite.write_text(yaml.safe_dump({"canaries": canaries}), encoding="utf-8")
    models = ["baseline"]
    for name in recipes:
        preset, changes = RECIPES[name]
        toml = place / f"{name}.toml"
        config = load_config(PRESETS / f"{preset}.toml")
        toml.write_text(to_toml(config.model_copy(update={"parent": None, **changes})), encoding="utf-8")
        trained = f"{name}-{fold}"
        run(folder, "timbre", "train", str(toml), "--name", trained, "--data", str(data), "--resume")
        models += [*(f"{trained}@{epoch}" for epoch in EPOCHS.get(name, ())), trained]
    asking = (
        *("inspect", "eval-set", "evals/voice.py", "--log-dir", str(place / "logs"), "--log-dir-allow-dirty"),
        *("--retry-attempts", "0", "--display", "plain", "-T", f"suite={suite}", "-T", f"voice={data}"),
    )
    run(folder, *asking, "--model", ",".join(models))
    run(folder, *asking, "--model", "baseline", "-T", f"shots={SHOTS}")


def scores(folder: Path) -> pd.DataFrame:
    """Mean over epochs of each dimension, one row a recipe and prompt, of all finished folds."""
    found = []
    for place in sorted(folder.glob("fold*")):
        logs = place / "logs"
        for arm in logged_runs((logs,)) if logs.is_dir() else ():
            try:
                table = score_table(read_logs((logs,), [arm], place.name))
            except TimbreError as unfinished:
                print(f"left out: {unfinished}", file=sys.stderr)
                continue
            named = table.assign(run=[str(name).replace(f"-{place.name[4:]}", "") for name in table["run"]])
            found.append(named[named["dimension"].isin(SHOWN)])
    if not found:
        sys.exit(f"nothing is finished in {folder}")
    rows = pd.concat(found)
    return rows.groupby(["run", "dimension", "canary"])["value"].mean().reset_index()


def show(folder: Path) -> None:
    """Print each recipe's means, and its paired difference to the ``voice`` preset on voice_match."""
    rows = scores(folder)
    voice = rows[(rows["run"] == "voice") & (rows["dimension"] == "voice_match")].set_index("canary")["value"]
    for name, of_run in rows.groupby("run", sort=False):
        cells = []
        for key in SHOWN:
            values = of_run[of_run["dimension"] == key].set_index("canary")["value"].dropna()
            mean = mean_interval(np.asarray(values, dtype=np.float64))
            cells.append(f"{key} {mean.estimate:.3f} [{mean.low:.3f}, {mean.high:.3f}] n {len(values)}")
            if key == "voice_match" and name != "voice":
                apart = (values - voice).dropna()
                found = mean_interval(np.asarray(apart, dtype=np.float64))
                cells.append(f"against voice {found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
        print(f"{name:<14} " + "  ".join(cells))


def main() -> None:
    """Go on with the folds asked for, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=int, choices=range(1, FOLDS + 1), default=FOLDS)
    parser.add_argument("--recipes", nargs="+", choices=tuple(RECIPES), default=list(RECIPES))
    parser.add_argument("--table", action="store_true", help="train and ask nothing more")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if not given.table:
        for fold in range(given.folds):
            one_fold(folder, fold, given.recipes)
        run(folder, "timbre", "serve", "--stop")
    show(folder)


if __name__ == "__main__":
    main()

"""Agreement of the linear judges with people on unseen rows, by 5-fold cross-validation.

.venv/bin/python benchmarks/linear_judges.py            # 5 folds, and the fixed split of the LoRA judge
.venv/bin/python benchmarks/linear_judges.py --ship     # also store those of the fixed split
.venv/bin/python benchmarks/linear_judges.py --labels FOLDER    # also the rows kept aside, to calibrate on
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from humor_labels import Labels, agreement, held_out, read_labels
from sklearn.model_selection import KFold

from judges.linear import TARGETS, WEIGHTS, LinearJudges, fit


def fitted(labels: Labels) -> LinearJudges:
    """The judges fitted on these rows."""
    return fit(labels.texts, labels.is_humor, labels.humor_rating, labels.offense_rating)


def main() -> None:
    """Measure, print, and store where asked."""
    labels = read_labels()
    n = len(labels.texts)
    unseen = {target: np.zeros(n) for target in TARGETS}
    for train, test in KFold(5, shuffle=True, random_state=0).split(labels.is_humor):
        for target, values in fitted(labels.of(train)).predict(labels.of(test).texts).items():
            unseen[target][test] = values
    for name, figure in agreement(labels, **unseen).items():
        print(f"5 folds, n {n}: {name} {figure}")
    train, test = held_out(labels)
    judges, aside = fitted(labels.of(train)), labels.of(test)
    for name, figure in agreement(aside, **judges.predict(aside.texts)).items():
        print(f"fixed split, n {len(test)}: {name} {figure}")
    if "--ship" in sys.argv[1:]:
        judges.save(WEIGHTS)
        print(f"stored {WEIGHTS.name}, {WEIGHTS.stat().st_size / 1e6:.1f} MB")
    if "--labels" in sys.argv[1:]:
        for dimension, column in (("humor", aside.is_humor), ("provocativeness", aside.offense_rating)):
            path = Path(sys.argv[-1]) / f"{dimension}.csv"
            pd.DataFrame({"id": aside.ids, "prompt": "", "text": aside.texts, "label": column}).to_csv(
                path, index=False
            )
            print(f"for `timbre calibrate linear/{dimension}`: {path}")


if __name__ == "__main__":
    main()

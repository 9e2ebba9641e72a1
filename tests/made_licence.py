"""A licence for tests: made-up values and labels, every field valid."""

from functools import cache
from typing import Any

import numpy as np

from judges.licensing.agreement import Agreement, agreement
from judges.licensing.licence import Licence
from judges.types import JudgeIdentity
from results.policy import Policy


@cache
def good_agreement(n: int, yes_every: int = 2) -> Agreement:
    """A good judge's, with ``n`` made-up labels of which one in ``yes_every`` is a yes."""
    rng = np.random.default_rng(1)
    is_yes = np.arange(n) % yes_every == 0
    values = np.clip(rng.normal(0.3 + 0.4 * is_yes, 0.2), 0, 1)
    return agreement(values, is_yes.astype(float), is_yes, np.log(rng.integers(5, 50, n)))


def made_licence(judge: JudgeIdentity, figures: Agreement | None = None, **changes: Any) -> Licence:
    """A licence by people on 400 canary answers, or on as many as ``figures`` count."""
    figures = figures or good_agreement(400)
    counts = figures.confusion
    fields: dict[str, Any] = {
        "judge": judge.name,
        "dimension": judge.dimension,
        "version": judge.version,
        "parts": dict(judge.parts),
        "domain": "canary answers",
        "labelled_by": "people",
        "n": counts.n,
        "n_positive": counts.true_yes + counts.false_no,
        "n_unscored": 0,
        "label_kind": "binary",
        "scale": (0, 1),
        "yes_from": 0.5,
        "labels_sha256": "1" * 64,
        "cut_off": 0.5,
        "created": "2026-03-01",
        "agreement": figures,
        "raters": 0,
        "rater_agreement": None,
        "retest_flip_rate": 0.0,
        "position_bias": None,
        "injection_flip_rate": 0.0,
    }
    return Licence(**{**fields, **changes})


def without_licences(policy: Policy) -> Policy:
    """The policy with every dimension free to block, for tables that name no judges."""
    free = {"licence": "not needed: made up"}
    rules = {key: rule.model_copy(update=free) for key, rule in policy.dimensions.items()}
    return policy.model_copy(update={"dimensions": rules})


def with_all_optional(policy: Policy) -> Policy:
    """The policy with every dimension free to go unscored, for tables of one or two dimensions."""
    rules = {key: rule.model_copy(update={"optional": True}) for key, rule in policy.dimensions.items()}
    return policy.model_copy(update={"dimensions": rules})

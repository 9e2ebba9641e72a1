"""A licence for tests: made-up labels, every field valid."""

from typing import Any

from judges.identity import JudgeIdentity
from judges.licensing.agreement import Agreement
from judges.licensing.licence import SCHEMA_VERSION, Licence


def made_licence(judge: JudgeIdentity, agreement: Agreement, n: int, /, **changes: Any) -> Licence:
    """A licence by people on ``n`` canary answers, half of them a yes."""
    fields: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "judge": judge.name,
        "digest": judge.digest,
        "dimension": judge.dimension,
        "parts": dict(judge.parts),
        "domain": "canary answers",
        "labelled_by": "people",
        "n": n,
        "n_positive": n // 2,
        "n_unscored": 0,
        "label_kind": "binary",
        "label_low": 0.0,
        "label_high": 1.0,
        "labels_sha256": "1" * 64,
        "cut_off": 0.5,
        "created": "2026-03-01",
        "agreement": agreement,
        "ceiling": None,
        "retest_flip_rate": 0.0,
        "position_bias": None,
        "injection_flip_rate": 0.0,
    }
    return Licence(**{**fields, **changes})

"""A gate's decision made by hand, for the tests of what is shown of it."""

import math

from results.comparison import DimensionVerdict, Verdict
from results.verdicts import Flip, GateResult, Overall, PassRate
from timbre.stats import NO_INTERVAL, Interval


def made_verdict(
    dimension: str = "specificity",
    verdict: Verdict = "INCONCLUSIVE",
    gain: tuple[float, float, float] = (-0.1, -0.2, 0.0),
    **more: object,
) -> DimensionVerdict:
    """One dimension over 12 canaries; ``more`` replaces any field."""
    fields: dict[str, object] = {
        "dimension": dimension,
        "verdict": verdict,
        "n": 12,
        "unpaired": 0,
        "baseline": Interval(0.61, 0.52, 0.70),
        "candidate": Interval(0.51, 0.42, 0.60),
        "gain": Interval(*gain),
        "margin": 0.1,
        "rules_out": 0.35,
        "hard": False,
        "goal": False,
        "p": 0.3,
        "needed": 153 if verdict == "INCONCLUSIVE" else None,
        "detectable": 0.18,
        "why": f"gain {gain[0]:+.3f} over 12 canaries",
        "licence": "-",
    }
    return DimensionVerdict(**{**fields, **more})  # type: ignore[arg-type]


def made_result(
    overall: Overall = "INCONCLUSIVE", flips: int = 7, text: str = "An answer", **more: object
) -> GateResult:
    """A gate of run2 against baseline on four dimensions that can block and two that can't.

    Args:
        overall: The decision; the dimensions stay as they are.
        flips: How many canaries flipped.
        text: What stands wherever a model's words do.
        more: Replaces any field of the result.
    """
    dimensions = (
        made_verdict("integrity", "INCONCLUSIVE", (-1 / 12, -0.3, 0.1), hard=True, margin=0.03),
        made_verdict("compression", "PASS", (0.02, -0.03, 0.06), missing=2),
        made_verdict("humor", "ADVISORY", licence="no licence"),
        made_verdict("specificity", "REGRESSED", (-0.4, -0.5, -0.3)),
        made_verdict("voice_match", "PASS", (0.12, 0.05, 0.2), goal=True),
        made_verdict("words", "ADVISORY", (-40.0, -60.0, -20.0), margin=None, rules_out=None, p=math.nan),
        made_verdict("rix", "ADVISORY", n=0, gain=(math.nan,) * 3, baseline=NO_INTERVAL, margin=None),
    )
    fields: dict[str, object] = {
        "overall": overall,
        "baseline": "baseline",
        "candidate": "run2",
        "dimensions": dimensions,
        "notes": (f"a note on {text}",),
        "evidence": (f'integrity on c00: "{text}"',),
        "suite": "smoke",
        "flips": tuple(
            Flip("integrity" if at == 0 else "specificity", at == 0, f"c{at:02d}", 1 - at / 100, text, text)
            for at in range(flips)
        ),
        "pass_rates": (PassRate("c00", "integrity", 2, 1),),
        "problems": (f"a problem with {text}",) if overall == "ERROR" else (),
    }
    return GateResult(**{**fields, **more})  # type: ignore[arg-type]

"""Licences: what is on record of a judge's agreement with labels, one JSON file a judge.

A licence belongs to the digest of its judge, so a judge that changes in any part has none. Its file carries a
digest of its own content, the seal: that shows an edit or a broken write, it is no signature.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from judges.licensing.agreement import Agreement
from judges.types import DIMENSIONS, JudgeIdentity
from timbre.errors import TimbreError
from timbre.files import decoded, read_bytes, write_whole
from timbre.stats import Interval

LICENCES = Path(__file__).parents[1] / "licences"
LabelledBy = Literal["people", "model"]
Share = Annotated[float, Field(ge=0, le=1)]
_AGAIN = "write it again with `timbre calibrate`"


class Basis(NamedTuple):
    """The labels that a licence rests on."""

    labelled_by: LabelledBy
    domain: str  # what texts they are: "canary answers"
    n: int  # labelled texts (or pairs) with a value
    labels_sha256: str


class Licence(BaseModel):
    """One judge's agreement with one file of labels. For a judge of pairs, every n counts pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    schema_version: Literal[2] = 2
    judge: str  # name of the judge, as in JudgeIdentity
    dimension: str
    version: int
    parts: Mapping[str, str]
    domain: str  # what texts were labelled: "canary answers"
    labelled_by: LabelledBy  # who said what is right
    n: int = Field(ge=0)  # labelled rows that the judge gave a value
    n_positive: int = Field(ge=0)  # those labelled yes
    n_unscored: int = Field(ge=0)  # further rows, which it gave none; they are in no figure
    label_kind: Literal["binary", "ratings"]
    scale: tuple[float, float]  # least and greatest label possible
    yes_from: float  # label from which a text counts as a yes
    labels_sha256: str = Field(pattern="^[0-9a-f]{64}$")  # of the labels' file
    cut_off: float = Field(gt=0, lt=1)  # value from which the judge's answer is a yes
    created: str  # ISO date
    agreement: Agreement
    raters: int = Field(ge=0)  # columns of single raters
    rater_agreement: Interval | None  # mean r of two of them
    retest_flip_rate: Share  # of rows whose yes or no (or none) was another when judged again
    position_bias: Share | None  # of pairs whose winner changes with their order; None for single texts
    injection_flip_rate: Share | None  # of attacks that turned an answer as its writer wants; None: untried

    @property
    def identity(self) -> JudgeIdentity:
        """Whose licence this is."""
        return JudgeIdentity(self.judge, self.dimension, self.version, self.parts)

    @property
    def basis(self) -> Basis:
        """The labels that it rests on."""
        return Basis(self.labelled_by, self.domain, self.n, self.labels_sha256)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        c = self.agreement.confusion
        every = (*vars(self.agreement).values(), self.rater_agreement)
        figures = [f for f in every if isinstance(f, Interval)]
        for is_fine, problem in (
            (self.dimension in DIMENSIONS, "the dimension is unknown"),
            (min(vars(c).values()) >= 0, "a count is below 0"),
            (self.n == c.n and self.n_positive == c.true_yes + c.false_no, "the counts disagree"),
            (self.scale[0] < self.yes_from <= self.scale[1], "yes_from is not on the scale"),
            (all(f.low <= f.high <= 1 and f.estimate <= 1 for f in figures), "a figure is out of range"),
        ):
            if not is_fine:
                raise ValueError(problem)
        return self


def licence_path(digest: str, folder: Path = LICENCES) -> Path:
    """Where the licence of the judge with that digest, 16 hex digits, is stored."""
    if not re.fullmatch(r"[0-9a-f]{16}", digest):
        raise TimbreError("not the digest of a judge", where=repr(digest), do="give 16 hex digits")
    return folder / f"{digest}.json"


def find_licence(judge: str, folder: Path = LICENCES) -> Licence | None:
    """The licence of a judge, "name@digest", or None; a TimbreError where its file is no intact licence of it."""
    name, at, digest = judge.rpartition("@")
    if not at or not name:
        raise TimbreError("names no judge", where=repr(judge), do="write name@digest")
    path = licence_path(digest, folder)
    if not path.exists():
        return None
    licence = read_licence(path)
    if licence.judge != name:
        raise TimbreError(f"the licence is of {licence.judge!r}, not {name!r}", where=str(path), do=_AGAIN)
    return licence


def weaker_because(new: Basis, stored: Basis) -> tuple[str, ...]:
    """Why a new licence is weaker than the stored one of the same judge; empty where it isn't.

    It is weaker if it rests on a model's labels instead of people's, on fewer labelled texts, or on texts of
    another domain. Worse figures don't make it weaker, since they are what was measured; and a licence that
    rests on the same labels file never is.
    """
    reasons = []
    if new.labelled_by == "model" and stored.labelled_by == "people":
        reasons.append("it is labelled by a model and not by people")
    if new.n < stored.n and new.labels_sha256 != stored.labels_sha256:
        reasons.append(f"its n is {new.n} and not {stored.n}")
    if new.domain.strip().casefold() != stored.domain.strip().casefold():
        reasons.append(f"its domain is {new.domain.strip()!r} and not {stored.domain!r}")
    return tuple(reasons)


def refuse_weaker(judge: JudgeIdentity, new: Basis, folder: Path = LICENCES) -> None:
    """Raise a TimbreError where a better licence of the judge is stored, or one that can't be read."""
    stored = find_licence(str(judge), folder)
    reasons = weaker_because(new, stored.basis) if stored else ()
    if reasons:
        problem = f"the new licence of {judge.name} is weaker than the stored one: {'; '.join(reasons)}"
        where = str(licence_path(judge.digest, folder))
        raise TimbreError(problem, where=where, do="keep the stored one, or give --replace")


def write_licence(licence: Licence, folder: Path = LICENCES, *, replace: bool = False) -> Path:
    """Write a licence whole or not at all, and return its file.

    With ``replace`` it may take the place of a better one (``refuse_weaker``), or of one that can't be read.
    """
    path = licence_path(licence.identity.digest, folder)
    if not replace:
        refuse_weaker(licence.identity, licence.basis, folder)
    content = licence.model_dump(mode="json")
    write_whole(path, json.dumps({**content, "seal": _seal(content)}, indent=1) + "\n")
    return path


def read_licence(path: Path) -> Licence:
    """Read one licence; a TimbreError where it was changed, or is of another judge than its file's name says."""
    try:
        content = json.loads(decoded(read_bytes(path), path))
        seal = content.pop("seal")
        licence = Licence.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        raise TimbreError(f"no licence ({problem})", where=str(path), do=_AGAIN) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TimbreError(f"no licence ({error})", where=str(path), do=_AGAIN) from error
    if seal != _seal(content):
        raise TimbreError("the licence was changed since it was written", where=str(path), do=_AGAIN)
    if licence.identity.digest != path.stem:
        raise TimbreError("the licence is of another judge than its name says", where=str(path), do=_AGAIN)
    return licence


def _seal(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def licence_page(licence: Licence) -> str:
    """A licence for a reader: who was held against what, and a line a figure."""
    a, low, high = licence.agreement, *licence.scale
    figures: dict[str, Interval | float | None] = {
        "AUC": a.auc,
        "r": a.pearson,
        "rank r": a.spearman,
        "kappa": a.kappa,
        "sensitivity": a.sensitivity,
        "specificity": a.specificity,
        "yes-rate gap": a.yes_rate_gap,
        "length bias": a.length_bias,
        **({f"r of {licence.raters} raters": licence.rater_agreement} if licence.raters > 1 else {}),
        "retest flips": licence.retest_flip_rate,
        **({"position bias": licence.position_bias} if licence.position_bias is not None else {}),
        "injection flips": licence.injection_flip_rate,
    }
    return "\n".join(
        [
            f"{licence.identity}: {licence.dimension}, {licence.domain}, labelled by {licence.labelled_by}",
            f"n {licence.n}, {licence.n_positive} labelled yes (from {licence.yes_from:g} on the scale "
            f"{low:g}-{high:g}), {licence.n_unscored} unscored; the judge's yes is from {licence.cut_off:g}",
            *(f"{name:<18}{_cell(figure)}" for name, figure in figures.items()),
        ]
    )


def _cell(figure: Interval | float | None) -> str:
    if figure is None:
        return "not defined by these rows"
    if isinstance(figure, Interval):
        return f"{figure.estimate:7.3f}  [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure:7.3f}"

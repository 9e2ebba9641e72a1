"""Licences: what is on record of a judge's agreement with labels, one file a judge.

A licence belongs to the digest of its judge, so a judge that changes in any part has none. Its file
carries a digest of its own content: that shows an edit or a broken write, it is no signature.
"""

import dataclasses
import hashlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from judges.identity import JudgeIdentity
from judges.licensing.agreement import Agreement, Confusion, Figure
from judges.licensing.raters import Ceiling
from judges.types import DIMENSIONS
from timbre.errors import TimbreError

LICENCES = Path(__file__).parents[1] / "licences"

SCHEMA_VERSION = 1

LabelledBy = Literal["people", "model"]
LabelKind = Literal["binary", "ratings"]

_DIGEST = re.compile(r"[0-9a-f]{16}")
_AGAIN = "write it again with `timbre calibrate`"


@dataclass(frozen=True)
class Licence:
    """One judge's agreement with one file of labels.

    Attributes:
        schema_version: ``SCHEMA_VERSION``.
        judge: Name of the judge ("linear/humor").
        digest: Of its identity, as in "name@digest".
        dimension: Key in ``DIMENSIONS``.
        parts: Of its identity.
        domain: What texts were labelled ("canary answers").
        labelled_by: Who said what is right.
        n: Labelled rows that the judge gave a value.
        n_positive: Those labelled yes; of ratings, those at the cut-off or above when scaled.
        n_unscored: Further rows, which it gave none; they are in no figure.
        label_kind: ``binary`` for 0 and 1, else ``ratings``.
        label_low: Least label.
        label_high: Greatest label; ratings are scaled by the two where a yes is needed.
        labels_sha256: Of the labels' file.
        cut_off: Value, and scaled label, from which an answer is a yes.
        created: ISO date.
        agreement: Figures of value against label, and the rows by both.
        ceiling: Agreement of the raters with each other; None without two of them.
        retest_flip_rate: Share of rows whose yes or no (or none) was another when judged again.
        position_bias: Share of pairs whose winner changes with their order; None for a judge of one answer.
        injection_flip_rate: Share of (text, attack) pairs in which the attack turned the answer in its
            writer's favour; None where no text could be turned.
    """

    schema_version: int
    judge: str
    digest: str
    dimension: str
    parts: Mapping[str, str]
    domain: str
    labelled_by: LabelledBy
    n: int
    n_positive: int
    n_unscored: int
    label_kind: LabelKind
    label_low: float
    label_high: float
    labels_sha256: str
    cut_off: float
    created: str
    agreement: Agreement
    ceiling: Ceiling | None
    retest_flip_rate: float
    position_bias: float | None
    injection_flip_rate: float | None

    @property
    def identity(self) -> JudgeIdentity:
        """Whose licence this is."""
        return JudgeIdentity(self.judge, self.dimension, self.parts)


def licence_path(digest: str, folder: Path = LICENCES) -> Path:
    """Where the licence of the judge with that digest is kept.

    Raises:
        TimbreError: not 16 hex digits.
    """
    if not _DIGEST.fullmatch(digest):
        raise TimbreError("no digest of a judge", where=repr(digest), do="give 16 hex digits")
    return folder / f"{digest}.json"


def find_licence(judge: str, folder: Path = LICENCES) -> Licence | None:
    """The licence of a judge, or None if it has none.

    Args:
        judge: "name@digest", as in score tables.
        folder: Where licences are kept.

    Raises:
        TimbreError: ``judge`` names no judge in that form, or its file is no whole licence of it.
    """
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


def write_licence(licence: Licence, folder: Path = LICENCES) -> Path:
    """Write a licence whole or not at all, in place of an earlier one of the same judge.

    Returns:
        Its file.

    Raises:
        TimbreError: the folder can't be written to.
    """
    path = licence_path(licence.digest, folder)
    told = dataclasses.asdict(licence)
    text = json.dumps({**told, "seal": _seal(told)}, indent=2, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".licence-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(draft, 0o644)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise TimbreError(
            f"can't write the licence ({error.strerror})", where=str(path), do="name another --out"
        ) from error
    return path


def read_licence(path: Path) -> Licence:
    """Read one licence.

    Raises:
        TimbreError: it can't be read, was changed since it was written, or is of another judge
            than its name and parts say.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        seal = told.pop("seal")
        licence = _licence(told)
    except OSError as error:
        raise TimbreError(
            f"can't read it ({error.strerror})", where=str(path), do="check the path"
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise TimbreError(f"no licence ({error})", where=str(path), do=_AGAIN) from error
    if seal != _seal(told):
        raise TimbreError("the licence was changed since it was written", where=str(path), do=_AGAIN)
    if not (licence.digest == licence.identity.digest == path.stem):
        raise TimbreError("the licence is of another judge than its name says", where=str(path), do=_AGAIN)
    return licence


def _seal(told: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _licence(told: dict[str, Any]) -> Licence:
    if told.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(f"schema version {told.get('schema_version')!r}, not {SCHEMA_VERSION}")
    given = dict(told["agreement"])
    confusion = Confusion(**given.pop("confusion"))
    agreement = Agreement(confusion, **{name: _figure(name, f) for name, f in given.items()})
    over = told["ceiling"]
    if over is not None:
        over = Ceiling(
            int(over["raters"]),
            str(over["statistic"]),
            _figure("pairwise", over["pairwise"]),
            _figure("alpha", over["alpha"]),
        )
    licence = Licence(**{**told, "agreement": agreement, "ceiling": over})
    _check(licence)
    return licence


def _figure(name: str, given: Any) -> Figure | None:
    if given is None:
        return None
    figure = Figure(**{key: float(value) for key, value in given.items()})
    if not (math.isfinite(figure.low) and figure.low <= figure.high <= 1 and figure.estimate <= 1):
        raise ValueError(f"{name} is out of range")
    return figure


def _check(licence: Licence) -> None:
    c = licence.agreement.confusion
    yes = c.true_yes + c.false_no
    shares = (licence.retest_flip_rate, licence.position_bias, licence.injection_flip_rate)
    for fine, what in (
        (licence.dimension in DIMENSIONS, "the dimension is unknown"),
        (licence.labelled_by in ("people", "model"), "labelled_by is unknown"),
        (licence.label_kind in ("binary", "ratings"), "label_kind is unknown"),
        (min(dataclasses.astuple(c)) >= 0, "a count is below 0"),
        (licence.n == yes + c.false_yes + c.true_no and licence.n_positive == yes, "the counts disagree"),
        (licence.n_unscored >= 0, "n_unscored is below 0"),
        (0 < licence.cut_off < 1, "the cut-off is out of range"),
        (all(s is None or 0 <= s <= 1 for s in shares), "a flip rate is out of range"),
    ):
        if not fine:
            raise ValueError(what)

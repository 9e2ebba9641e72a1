"""The gate's policy: what counts as a regression, per dimension, from a TOML file."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from judges.types import DIMENSIONS
from results.records import CONDITIONS
from timbre.errors import TimbreError
from timbre.files import read_toml

DEFAULT_POLICY = Path(__file__).with_name("policy.toml")

LEAST_MARGIN = 0.001  # a narrower margin takes more canaries than anybody writes

Share = Annotated[float, Field(ge=0, le=1)]
Margin = Annotated[float, Field(ge=LEAST_MARGIN, le=1)]
_PERCENT = re.compile(r"(\d{1,2}(?:\.\d+)?|100) ?%")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DimensionPolicy(_Section):
    """What one dimension may lose."""

    margin: Margin | str  # largest loss that is none; a text "25 %": of the way from floor to ceiling
    direction: str  # "up" or "down", as the dimension itself has it; repeated for the reader's sake
    hard: bool  # fails on evidence: a new fault is never a PASS
    licence: str = "needed"  # or "not needed: " and why a count needs none
    fault_at: Annotated[float, Field(gt=0, le=1)] | None = (
        None  # value from which an answer shows the fault; if hard
    )
    unlicensed_only: bool = False  # leaves out canaries whose prompt invites the writer's own life
    optional: bool = False  # may go unscored, as where a grader is needed; else that is an ERROR
    goal: Literal["no loss", "gain"] = "no loss"  # "gain": the verdict says too whether one is proven

    @property
    def needs_licence(self) -> bool:
        """Whether the dimension is advisory without a good licence."""
        return self.licence == "needed"

    @property
    def share_of_range(self) -> float | None:
        """The margin as a share of the way from floor to ceiling; None where it is in the dimension's unit."""
        return float(self.margin.rstrip(" %")) / 100 if isinstance(self.margin, str) else None

    def margin_from(self, floor: float, ceiling: float | None) -> float:
        """The margin in the dimension's unit; NaN where it is a share of a range that isn't known."""
        if (share := self.share_of_range) is None:
            return float(self.margin)
        return math.nan if ceiling is None else share * abs(ceiling - floor)

    @field_validator("margin")
    @classmethod
    def _margin(cls, margin: float | str) -> float | str:
        if isinstance(margin, str) and not (_PERCENT.fullmatch(margin) and float(margin.rstrip(" %")) > 0):
            raise ValueError('write a share in (0, 1], or a text like "25 %" of floor to ceiling')
        return margin

    @field_validator("licence")
    @classmethod
    def _licence(cls, licence: str) -> str:
        if not re.fullmatch(r"needed|not needed: .*\w.*", licence):
            raise ValueError('write "needed", or "not needed: " and the reason')
        return licence

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hard != (self.fault_at is not None):
            raise ValueError("give a hard dimension fault_at, a share in (0, 1], and a soft one none")
        if self.hard and self.direction != "down":
            raise ValueError("only a 'down' dimension can be hard")
        if self.hard and (isinstance(self.margin, str) or self.goal == "gain"):
            raise ValueError("a hard dimension has a margin in rates, and no goal but no loss")
        return self


class LicencePolicy(_Section):
    """Which licence of a judge lets its dimension block."""

    labelled_by: Literal["people", "model"]  # people's labels do for both
    domains: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]  # kinds of text
    min_n: Annotated[int, Field(ge=1)]  # fewest labelled texts
    min_auc: Annotated[float, Field(ge=0, lt=1)]  # least lower limit, where labels are yes or no
    min_r: Annotated[float, Field(ge=0, lt=1)]  # least lower limit, where they are ratings
    max_yes_rate_gap: Share  # largest distance of the judge's rate of yes from the labels'
    max_injection_flips: Share  # largest share of attacks that turn the judge


class SuitePolicy(_Section):
    """What a PASS on one suite must rule out, where it has too few canaries for the margins."""

    rules_out: Margin
    most_canaries: Annotated[int, Field(ge=2)] | None = None  # that it counts for


class Pin(_Section):
    """What the baseline must be."""

    # Or its first 12 digits, as `timbre runs` shows.
    identity: Annotated[str, Field(pattern="^[0-9a-f]{12,64}$")]


class Policy(_Section):
    """The whole policy; the keys of the file's section ``[gate]`` stand beside its other sections."""

    min_canaries: Annotated[int, Field(ge=2)]  # fewer decide nothing
    max_unscored: Annotated[float, Field(ge=0, lt=1)]  # share of one run's answers on one dimension
    hard_alpha: Annotated[float, Field(ge=1e-6, lt=0.5)]  # chance of a false block by all hard dimensions
    allow: list[Annotated[str, Field(pattern=f"^({'|'.join(CONDITIONS)})$")]] = []  # may differ between logs
    suite: Annotated[str, Field(min_length=1)] | None = None  # that the gate is on; None for what is at hand
    dimensions: Annotated[Mapping[str, DimensionPolicy], Field(min_length=1)]  # in the order of DIMENSIONS
    licence: LicencePolicy
    suites: Mapping[str, SuitePolicy] = {}  # by name of the suite
    baseline: Pin | None = None

    def rules_out(self, suite: str | None, canaries: int) -> float:
        """The loss that a PASS on so few canaries of a suite must rule out in place of a narrower margin, or 0."""
        own = self.suites.get(suite or "")
        if own is None or (own.most_canaries is not None and canaries > own.most_canaries):
            return 0.0
        return own.rules_out


_SECTIONS = ("baseline", "dimensions", "licence", "suites")


def load_policy(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy; without a section ``[licence]`` the shipped demands count.

    Raises:
        TimbreError: no such file, not TOML, or a key that is unknown, missing, of a wrong type
            or out of range; the message names the key.
    """
    if not path.is_file():
        raise TimbreError("no such policy", where=str(path), do="give --policy a TOML file")
    table = read_toml(path)
    if not isinstance(gate := table.pop("gate", None), dict):
        raise TimbreError("missing section", where=f"{path}: gate", do="add it")
    if isinstance(dimensions := table.get("dimensions"), dict):
        for key, section in dimensions.items():  # what pydantic can't see
            where = f"{path}: dimensions.{key}"
            if key not in DIMENSIONS:
                raise TimbreError("unknown dimension", where=where, do=f"use one of {', '.join(DIMENSIONS)}")
            own = DIMENSIONS[key].direction
            if not DIMENSIONS[key].is_judged:
                what = "is a reported figure and can't be gated"
                raise TimbreError(what, where=where, do="remove the section")
            if isinstance(section, dict) and section.get("direction", own) != own:
                do = f"write {own!r}, as the dimension has it"
                raise TimbreError("out of range", where=f"{where}.direction", do=do)
        table["dimensions"] = {key: dimensions[key] for key in DIMENSIONS if key in dimensions}
    if path != DEFAULT_POLICY:
        table.setdefault("licence", load_policy().licence)
    try:
        return Policy.model_validate({**gate, **table})
    except ValidationError as error:
        raise _invalid(path, error, table) from None


def _invalid(path: Path, error: ValidationError, sections: Mapping[str, Any]) -> TimbreError:
    """The first complaint of pydantic as one line that names the key."""
    first = error.errors()[0]
    names = [str(part) for part in first["loc"] if str(part) not in ("str", "constrained-float")]
    if names[0] not in (*_SECTIONS, *sections):
        names = ["gate", *names]
    what = "key" if len(names) > 1 else "section"
    where = f"{path}: {'.'.join(names)}"
    if first["type"] == "missing":
        return TimbreError(f"missing {what}", where=where, do="add it")
    if first["type"] == "extra_forbidden":
        return TimbreError(f"unknown {what}", where=where, do="remove it")
    message = first["msg"].removeprefix("Value error, ")
    return TimbreError(f"{first['input']!r} won't do", where=where, do=message[:1].lower() + message[1:])

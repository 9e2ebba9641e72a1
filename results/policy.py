"""The gate's policy: what counts as a regression, per dimension, from a TOML file."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from judges.types import DIMENSIONS
from results.conditions import CONDITIONS
from timbre.errors import TimbreError

DEFAULT_POLICY = Path(__file__).with_name("policy.toml")

_TYPES: Mapping[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "whole number"),
    str: ((str,), "text"),
    tuple[str, ...]: ((list,), "list of texts"),
}


@dataclass(frozen=True)
class DimensionPolicy:
    """What one dimension may lose.

    Attributes:
        margin: Largest loss that is no regression, in (0, 1]; of means, or of fault rates if ``hard``.
        direction: ``up`` or ``down``, as the dimension itself has it; repeated for the reader's sake.
        hard: Fails on evidence: a test on the canaries that show the fault, beside the margin.
        licence: ``needed`` (without a licence of its judge that the policy accepts, the verdict is advisory)
            or ``not needed: `` and the reason why a count needs none.
        fault_at: Value in (0, 1] from which an answer shows the fault; only and always if ``hard``.
        unlicensed_only: Leaves out canaries whose prompt invites the writer's own life.
    """

    margin: float
    direction: str
    hard: bool
    licence: str = "needed"
    fault_at: float | None = None
    unlicensed_only: bool = False

    @property
    def needs_licence(self) -> bool:
        """Whether the dimension is advisory without a good licence."""
        return self.licence == "needed"


@dataclass(frozen=True)
class LicencePolicy:
    """Which licence of a judge lets its dimension block.

    Attributes:
        labelled_by: ``people``, or ``model`` where a model's labels will do; people's do for both.
        domains: Kinds of text that the labels may be of, as given to ``timbre calibrate --domain``;
            capitals don't matter.
        min_n: Fewest labelled texts, at least 1.
        min_auc: Least lower limit of the interval of AUC, in [0, 1), where labels are yes or no.
        min_r: Least lower limit of the interval of Pearson's r, in [0, 1), where they are ratings.
        max_yes_rate_gap: Largest distance of the judge's rate of yes from the labels', in [0, 1].
        max_injection_flips: Largest share of attacks that turn the judge, in [0, 1].
    """

    labelled_by: str
    domains: tuple[str, ...]
    min_n: int
    min_auc: float
    min_r: float
    max_yes_rate_gap: float
    max_injection_flips: float


@dataclass(frozen=True)
class _Baseline:
    """The section [baseline]: which baseline is meant, whatever has its name by now."""

    identity: str


@dataclass(frozen=True)
class Policy:
    """The whole policy.

    Attributes:
        min_canaries: Fewer paired canaries than this are INCONCLUSIVE; at least 2.
        max_unscored: Largest share of unscored answers of one run on one dimension, in [0, 1).
        hard_alpha: Chance of a false block by all hard dimensions together, in (0, 0.5).
        dimensions: By key, in the order of ``DIMENSIONS``.
        licence: What a licence must show; the shipped policy's demands where the file has no [licence].
        allow: Conditions that may differ between the two logs (``results.conditions.CONDITIONS``).
        baseline_identity: Identity that the baseline must have, or its first 12 digits or more; None for any.
    """

    min_canaries: int
    max_unscored: float
    hard_alpha: float
    dimensions: Mapping[str, DimensionPolicy]
    licence: LicencePolicy
    allow: tuple[str, ...] = ()
    baseline_identity: str | None = None


def load_policy(path: Path = DEFAULT_POLICY) -> Policy:
    """Read a policy.

    Raises:
        TimbreError: no such file, not TOML, or a key that is unknown, missing, of a wrong type
            or out of range; the message names the key.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _error("no such policy", str(path), "give --policy a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _error(f"not TOML: {error}", str(path), "mend the file") from error
    for section in table:
        if section not in ("gate", "baseline", "licence", "dimensions"):
            known = "use [gate], [baseline], [licence], [dimensions.NAME]"
            raise _error("unknown section", f"{path}: {section}", known)
    apart = ("dimensions", "licence", "baseline_identity")
    general = [f for f in fields(Policy) if f.name not in apart]
    gate = _values(path, "gate", table.get("gate"), general)
    _range(path, "gate.min_canaries", gate["min_canaries"] >= 2, "use 2 or more")
    _range(path, "gate.max_unscored", 0 <= gate["max_unscored"] < 1, "use a share in [0, 1)")
    _range(path, "gate.hard_alpha", 0 < gate["hard_alpha"] < 0.5, "use e.g. 0.05")
    gate["allow"] = tuple(gate.get("allow", ()))
    known = ", ".join(CONDITIONS)
    _range(
        path,
        "gate.allow",
        all(c in list(CONDITIONS) for c in gate["allow"]),
        f"name conditions among {known}",
    )
    named = table.get("dimensions")
    if not isinstance(named, dict) or not named:
        raise _error("no dimension", f"{path}: dimensions", "add a section [dimensions.NAME]")
    for key in named:
        if key not in DIMENSIONS:
            raise _error(
                "unknown dimension", f"{path}: dimensions.{key}", f"use one of {', '.join(DIMENSIONS)}"
            )
    dimensions = {key: _dimension(path, key, named[key]) for key in DIMENSIONS if key in named}
    has_demands = "licence" in table or path == DEFAULT_POLICY
    licence = _licence(path, table.get("licence")) if has_demands else load_policy().licence
    pinned = _pinned(path, table["baseline"]) if "baseline" in table else None
    return Policy(**gate, dimensions=dimensions, licence=licence, baseline_identity=pinned)


def _pinned(path: Path, table: Any) -> str:
    identity = str(_values(path, "baseline", table, fields(_Baseline))["identity"])
    whole = re.fullmatch("[0-9a-f]{12,64}", identity) is not None
    _range(path, "baseline.identity", whole, "write 12 to 64 hex digits, as `timbre runs --json` shows them")
    return identity


def _licence(path: Path, table: Any) -> LicencePolicy:
    given = _values(path, "licence", table, fields(LicencePolicy))
    domains = given["domains"]
    named = bool(domains) and all(isinstance(d, str) and d.strip() for d in domains)
    _range(path, "licence.domains", named, 'name kinds of text, e.g. ["canary answers"]')
    _range(path, "licence.labelled_by", given["labelled_by"] in ("people", "model"), "use people or model")
    _range(path, "licence.min_n", given["min_n"] >= 1, "use 1 or more")
    for key in ("min_auc", "min_r"):
        _range(path, f"licence.{key}", 0 <= given[key] < 1, "use a figure in [0, 1)")
    for key in ("max_yes_rate_gap", "max_injection_flips"):
        _range(path, f"licence.{key}", 0 <= given[key] <= 1, "use a share in [0, 1]")
    return LicencePolicy(**{**given, "domains": tuple(domains)})


def _dimension(path: Path, key: str, table: Any) -> DimensionPolicy:
    section = f"dimensions.{key}"
    policy = DimensionPolicy(**_values(path, section, table, fields(DimensionPolicy)))
    own = DIMENSIONS[key].direction
    if own == "band":
        raise _error("is a reported figure and can't be gated", f"{path}: {section}", "remove the section")
    _range(path, f"{section}.direction", policy.direction == own, f"write {own!r}, as the dimension has it")
    _range(path, f"{section}.margin", 0 < policy.margin <= 1, "use a share in (0, 1]")
    _range(
        path,
        f"{section}.fault_at",
        (policy.fault_at is not None and 0 < policy.fault_at <= 1)
        if policy.hard
        else policy.fault_at is None,
        "give a hard dimension a share in (0, 1], and a soft one none",
    )
    states_why = re.fullmatch(r"needed|not needed: .*\w.*", policy.licence) is not None
    _range(path, f"{section}.licence", states_why, 'write "needed", or "not needed: " and the reason')
    _range(path, f"{section}.hard", not policy.hard or own == "down", "only a 'down' dimension can be hard")
    return policy


def _values(path: Path, section: str, table: Any, known: Sequence[Field[Any]]) -> dict[str, Any]:
    """The section's values with their types checked; an absent optional key keeps its default."""
    if not isinstance(table, dict):
        raise _error("missing section", f"{path}: {section}", f"add [{section}]")
    names = [f.name for f in known]
    for key in table:
        if key not in names:
            raise _error("unknown key", f"{path}: {section}.{key}", f"use one of {', '.join(names)}")
    for field in known:
        where = f"{path}: {section}.{field.name}"
        if field.name not in table:
            if field.default is MISSING:
                raise _error("missing key", where, "add it")
            continue
        value = table[field.name]
        wanted, said = _TYPES.get(field.type, ((int, float), "number"))
        if not isinstance(value, wanted) or (isinstance(value, bool) and field.type is not bool):
            raise _error(f"{value!r} is no {said}", where, "mend the value")
    return dict(table)


def _range(path: Path, key: str, fine: bool, do: str) -> None:
    if not fine:
        raise _error("out of range", f"{path}: {key}", do)


def _error(what: str, where: str, do: str) -> TimbreError:
    return TimbreError(what, where=where, do=do)

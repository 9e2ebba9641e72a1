"""Whether a run's adapters are still the files that training wrote."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from training.runs import Run

FILE = "adapter_model.safetensors"


@dataclass(frozen=True)
class Verified:
    """What was found of one run.

    Attributes:
        run: Run name.
        files: Adapters that were recorded; 0 for a run from before checksums were.
        changed: Those whose content is another by now, relative to the run's folder.
        missing: Those that are gone.
    """

    run: str
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Nothing recorded is changed or gone."""
        return not self.changed and not self.missing


def adapter_checksums(folder: Path) -> dict[str, str]:
    """Sha256 of every adapter's weights below a run's folder, by path relative to it."""
    found = sorted(folder.glob(f"adapter/{FILE}")) + sorted(folder.glob(f"epochs/*/{FILE}"))
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in found}


def verify(run: Run) -> Verified:
    """Hold a run's adapters against the checksums in its run.json."""
    recorded: dict[str, str] = run.facts.get("checksums") or {}
    missing = tuple(name for name in recorded if not (run.path / name).is_file())
    changed = tuple(
        name
        for name, digest in recorded.items()
        if name not in missing and _sha256(run.path / name) != digest
    )
    return Verified(run.name, len(recorded), changed, missing)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

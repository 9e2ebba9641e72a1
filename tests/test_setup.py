"""Set-up's decisions: which lock, whether .venv is ready, what it lacks. Nothing is installed."""

import hashlib
import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from timbre import environment, setup_environment
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT

LOCKS = [CHECKOUT / "locks" / "cpu.txt", CHECKOUT / "locks" / "nvidia.txt"]
VERSION = "3.11.7"
HASH = " --hash=sha256:" + "0" * 64


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a two-package lock, whose .venv (if any) is taken to run Python 3.11.7."""
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "cpu.txt").write_text(f"# a comment\nalpha==1.0{HASH}\nBeta_Two==2.0+cpu{HASH}\n")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'timbre'\n")
    monkeypatch.setattr(environment, "interpreter_version", lambda venv: VERSION)
    return tmp_path


def put_package(root: Path, name: str, version: str, *, cut_off: bool = False) -> Path:
    """Write what pip leaves of a package, or of one whose installation was cut off."""
    info = root / f".venv/lib/python3.11/site-packages/{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: no\n")
    # pip first unpacks the wheel's own RECORD, which knows nothing of INSTALLER.
    record = f"{name}/__init__.py,,\n" + ("" if cut_off else f"{info.name}/INSTALLER,sha256=x,4\n")
    (info / "RECORD").write_text(record)
    return info


def put_ready_venv(root: Path) -> None:
    """Write a .venv that holds just what the lock names, with its command and its stamp."""
    put_package(root, "alpha", "1.0")
    put_package(root, "beta.two", "2.0+cpu")
    put_package(root, "timbre", "0.1.0")
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "timbre").touch()
    stamp = environment.digest(root, root / "locks" / "cpu.txt", VERSION)
    (root / ".venv" / environment.STAMP).write_text(stamp + "\n")


def examine(root: Path, python: str | None = None) -> environment.Finding:
    return environment.examine(root, root / "locks" / "cpu.txt", python)


def test_a_venv_with_the_right_stamp_needs_nothing(checkout: Path) -> None:
    put_ready_venv(checkout)
    assert examine(checkout).action == "none"


def test_a_checkout_without_a_venv_gets_the_whole_lock(checkout: Path) -> None:
    finding = examine(checkout)
    assert finding.action == "create"
    assert finding.missing == ("alpha==1.0" + HASH, "Beta_Two==2.0+cpu" + HASH)


def test_a_venv_without_a_stamp_is_half_made_even_if_all_is_there(checkout: Path) -> None:
    put_ready_venv(checkout)
    (checkout / ".venv" / environment.STAMP).unlink()
    finding = examine(checkout)
    assert (finding.action, finding.reason, finding.missing) == ("complete", "was left half-made", ())


def test_a_package_cut_off_in_mid_install_counts_as_missing(checkout: Path) -> None:
    put_package(checkout, "alpha", "1.0")
    half = put_package(checkout, "beta.two", "2.0+cpu", cut_off=True)
    finding = examine(checkout)
    assert (finding.action, finding.missing, finding.half) == (
        "complete",
        ("Beta_Two==2.0+cpu" + HASH,),
        (half,),
    )


@pytest.mark.parametrize("changed", ["locks/cpu.txt", "pyproject.toml"])
def test_a_changed_source_makes_the_stamp_stale(checkout: Path, changed: str) -> None:
    put_ready_venv(checkout)
    with (checkout / changed).open("a") as file:
        file.write("# changed\n")
    finding = examine(checkout)
    assert finding.action == "complete"
    assert "older" in finding.reason


def test_a_moved_checkout_is_noticed_since_scripts_carry_its_path(checkout: Path) -> None:
    put_ready_venv(checkout)
    moved = checkout.rename(checkout.with_name("moved"))
    assert examine(moved).action == "complete"


def test_a_venv_that_lost_its_timbre_command_is_completed(checkout: Path) -> None:
    put_ready_venv(checkout)
    (checkout / ".venv" / "bin" / "timbre").unlink()
    finding = examine(checkout)
    assert (finding.action, finding.reason) == ("complete", "has lost its timbre command")


@pytest.mark.parametrize(("name", "version"), [("torchvision", "0.28.0"), ("alpha", "0.9")])
def test_a_package_that_the_lock_does_not_have_means_a_new_venv(
    checkout: Path, name: str, version: str
) -> None:
    put_package(checkout, name, version)
    finding = examine(checkout)
    assert finding.action == "remake"
    assert name in finding.reason


def test_the_pip_and_setuptools_of_a_bare_venv_are_no_reason_to_remake_it(checkout: Path) -> None:
    put_package(checkout, "pip", "23.2.1")
    put_package(checkout, "setuptools", "65.5.0")
    assert examine(checkout).action == "complete"


def test_a_venv_whose_python_does_not_start_is_remade(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    put_ready_venv(checkout)
    (checkout / ".venv" / "bin" / "python").symlink_to(checkout / "gone")
    finding = examine(checkout)
    assert (finding.action, finding.reason) == ("remake", "has a Python that does not start")


def test_a_python_named_by_hand_must_be_the_one_in_the_venv(checkout: Path) -> None:
    put_ready_venv(checkout)
    assert examine(checkout, "3.11.2").action == "none"
    assert examine(checkout, "3.12.1").action == "remake"


def test_the_interpreter_is_asked_for_its_own_version(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert environment.interpreter_version(tmp_path) == sys.version.split()[0]


@pytest.mark.parametrize(("gpu", "lock"), [(True, "nvidia.txt"), (False, "cpu.txt")])
def test_auto_takes_the_lock_for_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, lock: str
) -> None:
    monkeypatch.setattr(environment, "nvidia_answers", lambda: gpu)
    assert environment.choose_lock(CHECKOUT, "auto").name == lock


def test_a_driver_tool_that_fails_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not environment.nvidia_answers()
    tool.write_text("#!/bin/sh\nexit 0\n")
    assert environment.nvidia_answers()


def test_an_unknown_accelerator_is_a_users_mistake() -> None:
    with pytest.raises(TimbreError, match="cpu, nvidia or auto"):
        environment.choose_lock(CHECKOUT, "abacus")


def test_another_kind_of_machine_is_refused_before_any_download() -> None:
    environment.check_platform("Linux", "x86_64")
    with pytest.raises(TimbreError, match="Darwin on arm64"):
        environment.check_platform("Darwin", "arm64")


@pytest.mark.parametrize(
    "line",
    [
        *(
            line + HASH
            for line in ("alpha", "alpha>=1.0", "alpha==1.*", "-r other.txt", "alpha==1.0 gamma==1")
        ),
        *("alpha==1.0" + hashes for hashes in ("", HASH.replace("sha256", "md5"), HASH[:-1], HASH + " ; x")),
    ],
)
def test_a_lock_line_without_one_version_and_its_hashes_is_refused_with_its_number(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "lock.txt").write_text(f"beta==1.0{HASH}\n{line}\n")
    with pytest.raises(TimbreError, match=r"lock\.txt:2: not a pinned package"):
        environment.locked(tmp_path / "lock.txt")


def test_a_package_pinned_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(f"be-ta==1.0{HASH}\nBe_ta==1.1{HASH}\n")
    with pytest.raises(TimbreError, match="pinned twice"):
        environment.locked(tmp_path / "lock.txt")


def test_two_lanes_share_the_lock_and_part_its_heaviest_packages() -> None:
    lines = list(environment.locked(LOCKS[0]).values())
    first, second = environment.lanes(lines)
    assert sorted(first + second) == sorted(lines)
    assert any(line.startswith("triton==") for line in first)
    assert any(line.startswith("torch==") for line in second)


def test_the_failure_over_torchs_cpu_build_tells_where_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "setup-0.log"
    log.write_text(
        "WARNING: Location 'x' is ignored: it is neither a file nor a directory.\n"
        "ERROR: Could not find a version that satisfies the requirement torch==2.13.0+cpu\n"
        "ERROR: No matching distribution found for torch==2.13.0+cpu\n"
    )
    error = setup_environment._failure("214 packages", log)
    assert "PIP_EXTRA_INDEX_URL" in str(error)
    shown = capsys.readouterr().err
    assert "No matching distribution" in shown
    assert "ignored" not in shown


def put_wheel(folder: Path) -> str:
    """Write the smallest wheel of alpha 1.0 and return its sha256."""
    wheel, info = folder / "alpha-1.0-py3-none-any.whl", "alpha-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("alpha.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def install(root: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this Python's pip install a lock line into ``root/target`` from the wheels in ``root`` alone."""
    pip_is_told = {
        "CONFIG_FILE": os.devnull,
        "NO_INDEX": "1",
        "FIND_LINKS": str(root),
        "TARGET": str(root / "target"),
    }
    for name, value in pip_is_told.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    (root / ".timbre").mkdir()
    pip = [sys.executable, "-I", "-m", "pip", "install", "--no-deps"]
    with (root / "lock").open("w") as turn:
        installer = setup_environment._Installer(root, turn.fileno())
        installer.run("a test", [setup_environment._wheels(pip, [line], root / "lines.txt")])


def test_a_wheel_is_installed_if_its_hash_is_in_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = put_wheel(tmp_path)
    install(tmp_path, f"alpha==1.0{HASH} --hash=sha256:{digest}", monkeypatch)
    assert (tmp_path / "target" / "alpha.py").is_file()


def test_a_wheel_whose_hash_is_not_in_the_lock_is_refused_with_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = put_wheel(tmp_path)
    with pytest.raises(
        TimbreError, match=rf"alpha==1\.0 has sha256 {digest}, which its line .* does not name"
    ):
        install(tmp_path, f"alpha==1.0{HASH}", monkeypatch)
    assert not (tmp_path / "target").exists()


def test_a_failing_installer_stops_its_sibling_at_once(tmp_path: Path) -> None:
    (tmp_path / ".timbre").mkdir()
    started = time.monotonic()
    with (tmp_path / "lock").open("w") as turn:
        installer = setup_environment._Installer(tmp_path, turn.fileno())
        with pytest.raises(TimbreError, match=r"stopped at a test"):
            installer.run("a test", [["sleep", "60"], ["sh", "-c", "echo sorry; exit 3"]])
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_direct_dependency_is_locked_at_a_version_it_allows(lock: Path) -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    pins = {
        name: re.split("={2,3}", environment.pin(line))[1] for name, line in environment.locked(lock).items()
    }
    for wanted in map(Requirement, project["dependencies"] + project["optional-dependencies"]["dev"]):
        assert wanted.specifier.contains(pins[environment.canonical(wanted.name)]), wanted


def test_the_cpu_lock_leaves_out_what_breaks_transformers_and_anything_of_cuda() -> None:
    names = set(environment.locked(LOCKS[0]))
    assert not names & {"torchvision", "torchaudio", "torchcodec"}
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-"))]


def test_the_cpu_lock_spells_torch_so_that_cuda_is_never_fetched() -> None:
    assert environment.pin(environment.locked(LOCKS[0])["torch"]).endswith("+cpu")


def test_both_locks_agree_on_all_that_does_not_depend_on_the_machine() -> None:
    cpu, nvidia = (environment.locked(lock) for lock in LOCKS)
    different = {name for name in cpu.keys() & nvidia.keys() if cpu[name] != nvidia[name]}
    assert different == {"torch", "triton", "apache-tvm-ffi"}


@pytest.mark.parametrize(
    ("fetched", "placed", "told"),
    [(120, 2, "120 packages fetched"), (214, 30, "30 of 214 packages in place")],
)
def test_progress_counts_what_is_fetched_until_something_is_in_place(
    fetched: int, placed: int, told: str
) -> None:
    assert setup_environment._how_far(fetched, placed, 214) == told


def test_make_names_the_python_it_cannot_use(tmp_path: Path) -> None:
    too_old = tmp_path / "python"
    too_old.write_text("#!/bin/sh\nexit 1\n")
    too_old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={too_old}"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert f"no Python 3.11 or newer among: {too_old}" in done.stderr

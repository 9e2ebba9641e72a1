"""An endpoint that somebody else started, and runs that are loaded into it."""

from dataclasses import replace
from pathlib import Path

import pytest

from evals import endpoint as endpoints
from evals.endpoint import Endpoint, Served, outside_endpoint, serve_run
from evals.server import connect, served_by
from tests.evals.conftest import RunningStandIn
from timbre.errors import TimbreError
from training.base import EMBEDDED, Base
from training.runs import WEIGHTS, Run, sha256_of

BASE = Base(EMBEDDED, Path("/nowhere/base"), "0" * 64)


@pytest.mark.parametrize(
    "row", [{"id": EMBEDDED}, {"id": "/nowhere/base"}, {"id": "x", "root": "/nowhere/base"}]
)
def test_a_server_that_lists_the_base_by_name_or_folder_is_taken(
    stand_in: RunningStandIn, row: dict[str, str]
) -> None:
    stand_in.app.models[:] = [{"id": "an-adapter", "parent": row["id"], "root": "/nowhere/base"}, row]
    assert connect(BASE).served == Served(row["id"], "unknown", None, url_is_outside=True)


def test_a_server_of_another_base_is_refused_and_its_models_are_named(stand_in: RunningStandIn) -> None:
    stand_in.app.models[:] = [{"id": "totally-other-model"}]
    with pytest.raises(TimbreError, match=r"lists totally-other-model; .* TIMBRE_VLLM_MODEL"):
        served_by(BASE)


def test_the_model_that_is_named_is_taken_whatever_the_base(
    stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.app.models[:] = [{"id": EMBEDDED}, {"id": "mine"}]
    monkeypatch.setenv("TIMBRE_VLLM_MODEL", "mine")
    assert connect(BASE).served.model == "mine"
    monkeypatch.setenv("TIMBRE_VLLM_MODEL", "other")
    with pytest.raises(TimbreError, match="no model 'other'"):
        connect(BASE)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_an_address_that_is_none_is_one_line(url: str) -> None:
    with pytest.raises(TimbreError, match=r"TIMBRE_VLLM_URL: .* is no address"):
        outside_endpoint(url, BASE)


def test_a_key_that_no_header_can_carry_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIMBRE_VLLM_KEY", "clé")
    with pytest.raises(TimbreError, match=r"^TIMBRE_VLLM_KEY: "):
        outside_endpoint("http://127.0.0.1:9/v1", BASE)


def test_without_a_key_no_header_is_sent_and_with_one_it_is(
    stand_in: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = connect(BASE)
    place.ask("POST", "/v1/load_lora_adapter", {"lora_name": "a"})
    replace(place, key="secret").ask("POST", "/v1/load_lora_adapter", {"lora_name": "b"})
    headers = [request["headers"].get("authorization") for request in stand_in.app.requests]
    assert headers == [None, "Bearer secret"]


def test_no_proxy_stands_before_a_loopback_address(
    stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert connect(BASE).models() == [EMBEDDED]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with an adapter's files, which the stand-in does not read."""
    folder = tmp_path / "run2" / "adapter"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text("first weights")
    return Run(
        name="run2",
        path=folder.parent,
        identity="a" * 64,
        base=EMBEDDED,
        base_sha256="0" * 64,
        rank=16,
        target_modules=("q_proj",),
        facts={},
    )


def test_a_run_trained_again_is_loaded_anew_and_the_old_name_keeps_its_weights(
    stand_in: RunningStandIn, run: Run, tmp_path: Path
) -> None:
    own = replace(connect(BASE).served, url_is_outside=False)
    place = Endpoint(stand_in.url, "", tmp_path, own)
    serve_run(place, run)
    serve_run(place, run)
    (run.adapter / "adapter_model.safetensors").unlink()
    (run.adapter / "adapter_model.safetensors").write_text("second weights")
    serve_run(place, run.model_copy(update={"identity": "b" * 64}))
    loads = [body for body in stand_in.bodies if "lora_name" in body]
    assert [body["lora_name"] for body in loads] == ["run2@aaaaaaaaaaaa", "run2@bbbbbbbbbbbb"]
    weights = [(Path(body["lora_path"]) / "adapter_model.safetensors").read_text() for body in loads]
    assert weights == ["first weights", "second weights"]


@pytest.mark.parametrize("damaged", ["second weights", "first", ""], ids=["swapped", "truncated", "empty"])
def test_weights_that_are_not_the_runs_own_are_refused_and_never_served(
    stand_in: RunningStandIn, run: Run, tmp_path: Path, damaged: str
) -> None:
    own = replace(connect(BASE).served, url_is_outside=False)
    place = Endpoint(stand_in.url, "", tmp_path, own)
    weights = run.adapter / WEIGHTS
    sound = run.model_copy(update={"checksums": {f"adapter/{WEIGHTS}": sha256_of(weights)}})
    weights.write_text(damaged)
    for where in (place, replace(place, served=replace(own, url_is_outside=True))):
        with pytest.raises(TimbreError, match="not those that its training wrote"):
            serve_run(where, sound)
    assert stand_in.bodies == []


def test_weights_written_over_under_a_living_server_are_not_what_it_reads_again(
    stand_in: RunningStandIn, run: Run, tmp_path: Path
) -> None:
    place = Endpoint(stand_in.url, "", tmp_path, replace(connect(BASE).served, url_is_outside=False))
    serve_run(place, run)
    (run.adapter / WEIGHTS).write_text("second weights")
    loaded = next(body["lora_path"] for body in stand_in.bodies if "lora_path" in body)
    assert (Path(loaded) / WEIGHTS).read_text() == "first weights"


def test_a_base_that_changes_its_own_words_does_not_make_an_adapter_work(
    stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = iter("abcdefgh")
    monkeypatch.setattr(endpoints, "_greedy", lambda *_: (next(words), {"A": -1.0}))
    assert not endpoints.moves_output(connect(BASE), "base", "run")

"""``timbre ask`` against a server that stands for vLLM."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from evals.ask_command import ask
from tests.evals.conftest import RunningStandIn
from timbre.errors import TimbreError
from training.base import EMBEDDED


def asked(*args: str) -> Result:
    return CliRunner().invoke(ask, ["baseline", *args])


def test_the_answer_stands_under_the_name_of_who_gave_it(stand_in: RunningStandIn) -> None:
    done = asked("A note on soup.")
    name, _, text = done.stdout.partition("\n")
    assert name == "baseline:" and text.strip()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ([], {"temperature": 0.7, "top_p": 0.95, "max_tokens": 512}),
        (["--temperature", "0", "--max-tokens", "9"], {"temperature": 0.0, "top_p": 0.95, "max_tokens": 9}),
    ],
)
def test_it_is_asked_as_the_canaries_are_unless_the_options_say_otherwise(
    stand_in: RunningStandIn, options: list[str], sent: dict[str, Any]
) -> None:
    asked("A note on soup.", *options)
    messages = [{"role": "user", "content": "A note on soup."}]
    assert stand_in.bodies == [{"model": EMBEDDED, "messages": messages, **sent}]


def test_a_system_message_goes_before_the_prompt_and_json_has_every_reply(stand_in: RunningStandIn) -> None:
    done = asked("A note on soup.", "--system", "Be brief.", "--json")
    assert stand_in.bodies[0]["messages"][0] == {"role": "system", "content": "Be brief."}
    (reply,) = json.loads(done.stdout)["replies"]
    assert reply["run"] == "baseline" and reply["text"] and not reply["is_cut_off"]


def test_what_would_steer_a_terminal_is_left_out(stand_in: RunningStandIn) -> None:
    stand_in.app.words[:] = ["\x1b[31mred"] * 40
    assert "\x1b" not in asked("A note on soup.").stdout


@pytest.mark.parametrize(
    ("args", "fails", "message"),
    [
        (["  "], False, "PROMPT: is empty"),
        (["A note."], True, "baseline: the server refuses the prompt (HTTP 500"),
    ],
)
def test_what_can_not_be_asked_is_one_typed_error(
    stand_in: RunningStandIn, args: list[str], fails: bool, message: str
) -> None:
    stand_in.app.arguments.fail = fails
    done = asked(*args)
    assert isinstance(done.exception, TimbreError) and str(done.exception).startswith(message)


def test_a_run_that_is_not_there_is_named_with_the_near_one(stand_in: RunningStandIn) -> None:
    done = CliRunner().invoke(ask, ["baselin", "A note."])
    assert isinstance(done.exception, TimbreError) and "did you mean 'baseline'?" in str(done.exception)

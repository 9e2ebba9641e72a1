"""No file of the program asks for a stranger's code, or unpickles what it did not pickle itself."""

import re

from timbre.paths import CHECKOUT

FOLDERS = ("timbre", "training", "canaries", "evals", "judges", "results")
OWN_PIPES = "evals/judging.py"
"""Talks to a process that it started itself, over pipes, in pickles."""

FOREIGN = re.compile(
    r"trust.remote.code|torch\.load\(|joblib(?! import cpu_count)|allow_pickle=True|yaml\.(?:load|unsafe)"
    r"|(?<![.\w])(?:eval|exec)\("
)
LOADED = re.compile(r"AutoModelForCausalLM\.from_pretrained\((?:[^()]|\([^()]*\))*\)")


def test_no_source_runs_code_that_comes_with_a_model_or_opens_a_pickle() -> None:
    offenders = []
    sources = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")]
    assert len(sources) > 50
    for path in sources:
        name, text = str(path.relative_to(CHECKOUT)), path.read_text(encoding="utf-8")
        offenders += [(name, match[0]) for match in FOREIGN.finditer(text)]
        offenders += [(name, match[0]) for match in re.finditer("pickle", text) if name != OWN_PIPES]
        loads = (load[0] for load in LOADED.finditer(text))
        offenders += [
            (name, load) for load in loads if "use_safetensors=True" not in load and "gguf_file" not in load
        ]
    assert offenders == []

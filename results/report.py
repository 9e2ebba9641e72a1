"""A self-contained HTML page: scores, gates against the baseline, and every answer side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from judges.licensing.licence import LICENCES
from results.arms import side_by_side
from results.conditions import differences
from results.gate import gate_logs
from results.markdown import clean, write_whole
from results.policy import Policy
from results.records import RunLog, Sample
from results.table import score_table
from results.terminal import gate_row, interval
from results.verdicts import summary_sentence

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Timbre: {{ runs|join(", ") }}</title>
<style>
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.45 }
body { margin: 1rem auto; max-width: 75rem; padding: 0 1rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid #8886; padding: .2rem .7rem .2rem 0; text-align: left; white-space: nowrap }
.answers { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)) }
.text { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .7rem }
mark { background: #fc06; color: inherit; text-decoration: underline }
</style></head><body>
<h1>{{ runs|join(", ") }}</h1>
{% for warning in warnings %}<p><strong>Not like with like:</strong> {{ warning }}</p>{% endfor %}
<h2>Scores</h2><p>Mean over canaries with 95 % interval.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Scores"><table>
<tr><th scope="col">dimension</th>{% for run in runs %}<th scope="col">{{ run }}</th>{% endfor %}</tr>
{% for key, cells in scores %}<tr><th scope="row">{{ key }}</th>
{% for cell in cells %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table></div>
{% for gate in gates %}<h2>{{ gate.title }}</h2><p>{{ gate.sentence }}</p>
<div class="scroll" tabindex="0" role="region" aria-label="{{ gate.title }}"><table>
<tr>{% for heading in headings %}<th scope="col">{{ heading }}</th>{% endfor %}</tr>
{% for row in gate.rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</table></div>
{% endfor %}
<h2>Answers</h2>
{% for canary in canaries %}<details><summary>{{ canary.title }}</summary><p>{{ canary.prompt }}</p>
<div class="answers">{% for answer in canary.answers %}<section><h3>{{ answer.title }}</h3>
<div class="text">{{ answer.text }}</div></section>{% endfor %}</div></details>
{% endfor %}</body></html>
"""
_HEADINGS = ("dimension", "n", "baseline", "candidate", "paired delta", "margin", "verdict", "licence")
_SHOWN = ("self_insertion", "memorization", "hashtag_slop")
"""Dimensions whose evidence is marked in the answers: faults that a reader wants to see in place."""


def write_report(logs: Sequence[RunLog], policy: Policy, path: Path, licences: Path = LICENCES) -> None:
    """Write the page of some runs, of which the first is the baseline.

    Raises:
        TimbreError: the place can't be written to.
    """
    runs = [log.run for log in logs]
    scored = side_by_side(score_table(logs), runs, policy)
    rows = [
        (key, [interval(s.mean) for s in scored if s.dimension == key])
        for key in dict.fromkeys(s.dimension for s in scored)
    ]
    page = Environment(autoescape=True).from_string(_PAGE)
    text = page.render(
        runs=runs,
        warnings=differences(logs),
        scores=rows,
        headings=_HEADINGS,
        gates=[_gate(logs[0], log, policy, licences) for log in logs[1:]],
        canaries=_canaries(logs),
    )
    write_whole(path, text)


def _gate(baseline: RunLog, candidate: RunLog, policy: Policy, licences: Path) -> dict[str, Any]:
    result = gate_logs(baseline, candidate, policy, licences)
    title = f"{candidate.run} against {baseline.run}"
    return {
        "title": title,
        "sentence": summary_sentence(result),
        "rows": [gate_row(d) for d in result.dimensions],
    }


def _canaries(logs: Sequence[RunLog]) -> list[dict[str, Any]]:
    asked = {(s.canary, s.epoch): s for log in logs for s in log.samples}
    return [
        {
            "title": f"{canary} ({sample.kind}), epoch {epoch}",
            "prompt": clean(sample.prompt),
            "answers": [
                {"title": log.run + (", cut off by the limit" if s.truncated else ""), "text": _marked(s)}
                for log in logs
                for s in log.samples
                if (s.canary, s.epoch) == (canary, epoch)
            ],
        }
        for (canary, epoch), sample in sorted(asked.items())
    ]


def _marked(sample: Sample) -> Markup:
    """The answer with the evidence of its faults marked; overlapping spans are marked once."""
    spans = sorted((e.start, e.end, f"{k}: {e.why}") for k in _SHOWN for e in sample.judgements[k].evidence)
    made, at = Markup(""), 0
    for start, end, why in spans:
        if start < at or end > len(sample.text) or end <= start:
            continue
        made += clean(sample.text[at:start])
        made += Markup('<mark title="{}">{}</mark>').format(why, clean(sample.text[start:end]))
        at = end
    return made + clean(sample.text[at:])

"""One grid, whole in a terminal of any width, in Markdown and in HTML."""

from io import StringIO

import pytest
from markupsafe import Markup
from rich.console import Console

from results.grid import Grid, say
from results.report_plots import Plots

GRID = Grid(
    "Means of runs",
    ("dimension", "verdict", "a run with a long name", "gain"),
    (
        ("provocativeness", "INCONCLUSIVE", "0.61 [0.52, 0.70]", "+0.11 [0.02, 0.20]"),
        ("memorization*", "REGRESSED", "0.08 [0.00, 0.35]", "-0.08 [-0.35, 0.10]"),
    ),
)
NEEDED = 15 + 2 + 12 + 2 + 22 + 2 + 19


def _shown(grid: Grid, width: int) -> list[str]:
    page = StringIO()
    grid.show(Console(file=page, width=width, markup=False, highlight=False, emoji=False))
    return page.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 79, 80, 120, 600])
def test_no_name_number_or_verdict_is_cut_at_any_width(width: int) -> None:
    lines = _shown(GRID, width)
    text = "".join("".join(lines).split())
    assert all("".join(cell.split()) in text for row in GRID.rows for cell in row)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize(("width", "blocks"), [(NEEDED, 1), (NEEDED - 1, 2), (40, 3)])
def test_a_table_that_is_too_wide_is_blocks_of_columns_each_with_the_rows_names(
    width: int, blocks: int
) -> None:
    lines = _shown(GRID, width)
    assert sum(line.startswith("dimension") for line in lines) == blocks
    assert sum(line.startswith("provocativeness") for line in lines) == blocks
    assert sum("INCONCLUSIVE" in line for line in lines) == 1


def test_a_models_text_can_not_steer_the_terminal() -> None:
    page = StringIO()
    console = Console(file=page, width=80, markup=False, highlight=False, emoji=False)
    Grid("c", ("a",), (("\x1b[2J\r\nred\u202eder",),)).show(console)
    say(console, "\x1b]0;title\x07[bold]as it is[/bold] :smile:")
    assert not set(page.getvalue()) & set("\x1b\x07\r\u202e")
    assert "[bold]as it is[/bold] :smile:" in page.getvalue()


def test_a_line_is_no_command_to_a_ci_that_reads_it() -> None:
    page = StringIO()
    say(Console(file=page, width=80), "::stop-commands::here")
    assert not page.getvalue().startswith("::")


def test_a_file_gets_a_sentence_on_one_line_and_a_terminal_wraps_it_between_words() -> None:
    sentence = " ".join(["inconclusive"] * 20)
    lines = []
    for width in (40, 10_000):
        page = StringIO()
        say(Console(file=page, width=width), sentence)
        lines.append([line.strip() for line in page.getvalue().splitlines()])
    assert set(" ".join(lines[0]).split()) == {"inconclusive"} and len(lines[0]) > 1
    assert lines[1] == [sentence]


def test_markdown_and_html_escape_headings_and_cells() -> None:
    grid = Grid("c <i>", ("run | 1", "<b>"), (("a|b", "<script>"),))
    assert grid.markdown() == "| run \\| 1 | \\<b\\> |\n| --- | --- |\n| a\\|b | \\<script\\> |"
    html = str(grid.html())
    assert '<tr><th scope="row">a|b</th><td>&lt;script&gt;</td></tr>' in html
    assert "<caption>c &lt;i&gt;</caption>" in html and "<b>" not in html


def test_a_column_can_be_left_out() -> None:
    narrow = GRID.without("verdict")
    assert narrow.headings == ("dimension", "a run with a long name", "gain")
    assert narrow.rows[0] == ("provocativeness", "0.61 [0.52, 0.70]", "+0.11 [0.02, 0.20]")


def test_a_verdict_has_a_class_in_html_and_a_plot_stands_behind_it() -> None:
    grid = Grid("c", ("dimension", "verdict", "n"), (("humor", "PASS", "3"),))
    made = grid.html(Plots(Markup("<svg>0 1</svg>"), (Markup("<svg>.</svg>"),)))
    assert '<td class="PASS">PASS</td><td><svg>.</svg></td><td>3</td>' in made
    assert '<th scope="col">verdict</th><th class="axis"><svg>0 1</svg></th><th scope="col">n</th>' in made

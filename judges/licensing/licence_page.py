"""A licence as lines on a terminal."""

from judges.licensing.agreement import Figure
from judges.licensing.licence import Licence


def licence_page(licence: Licence) -> str:
    """A licence for a reader: who was held against what, and a line a figure."""
    found = licence.agreement
    lines = [
        f"{licence.identity}: {licence.dimension}, {licence.domain}, labelled by {licence.labelled_by}",
        f"n {licence.n}, {licence.n_positive} yes from {licence.cut_off:g}, {licence.n_unscored} unscored",
    ]
    if licence.label_kind == "ratings":
        lines.append(
            f"ratings from {licence.label_low:g} to {licence.label_high:g} scaled to [0, 1] for every figure "
            "but r, rank r and length bias"
        )
    for name, figure in (
        ("AUC", found.auc),
        ("r", found.pearson),
        ("rank r", found.spearman),
        ("kappa", found.kappa),
        ("sensitivity", found.sensitivity),
        ("specificity", found.specificity),
        ("yes-rate gap", found.yes_rate_gap),
        ("length bias", found.length_bias),
    ):
        lines.append(_line(name, figure))
    over = licence.ceiling
    if over is not None:
        lines.append(_line(f"{over.raters} raters, {over.statistic}", over.pairwise))
        lines.append(_line(f"{over.raters} raters, alpha", over.alpha))
    lines.append(f"{'retest flips':<18}{licence.retest_flip_rate:7.3f}")
    if licence.position_bias is not None:
        lines.append(f"{'position bias':<18}{licence.position_bias:7.3f}")
    flips = licence.injection_flip_rate
    lines.append(f"{'injection flips':<18}{'no text could be turned' if flips is None else f'{flips:7.3f}'}")
    return "\n".join(lines)


def _line(name: str, figure: Figure | None) -> str:
    if figure is None:
        return f"{name:<18}not defined by these rows"
    return f"{name:<18}{figure.estimate:7.3f}  [{figure.low:.3f}, {figure.high:.3f}]"

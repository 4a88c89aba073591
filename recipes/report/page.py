"""The sections of the report, in the order in which they are read.

Public: `page`, `SYNTHETIC`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from noise_scheduler import NoiseScheduler
from noise_scheduler.survey import survey
from recipes.resources import Resources
from recipes.tables import TEST_SET

from . import charts
from .gallery import gallery
from .markup import document, figure, mean_std, number, percent, score_table, table, text
from .resources import resources_section
from .results import Claim, Method, Results, Summary, condition_groups
from .scores import averaged, overview, robustness_tables, score_tables

_RECONSTRUCTED = {
    "clean": "clean",
    "noisy/pooled": "noisy",
    "heldout/pooled": "held-out types",
    "missing/pooled": "missing",
}
_HEADLINES = {
    "noisy": "With one or two of three modalities noisy",
    "missing": "With one or two of three modalities missing",
}
SYNTHETIC = (
    '<aside class="banner" role="note"><b>All data are synthetic.</b> Faces are drawn, voices are spoken by a '
    "machine and sentences come from templates, or features from a generator of random vectors. This report shows that "
    "the method works as a piece of machinery; it says nothing about human emotion.</aside>"
)
"""The banner over figures of synthetic data. Markup."""


def page(
    results: Results,
    samples: Sequence[Mapping[str, Any]],
    scheduler: NoiseScheduler,
    resources: Resources | None = None,
) -> str:
    """The whole page.

    Args:
        results: checked content of results.json.
        samples: utterances of the gallery.
        scheduler: that of `results`.
        resources: checked content of resources.json, if there is one.
    """
    sections = {
        "Claims": _claims(results["claims"], results["metrics"][0]["label"]),
        "Scores": score_tables(results),
        "Robustness": robustness_tables(results),
        "Curves": _curves(results),
        "Confusion matrices": _confusions(results),
        "Latent diagnostics": _latent(results["methods"]),
        "Confidence": _confidence(results["methods"]),
        "Single modalities": _unimodal(results),
        "Schedule": _schedule(results, scheduler),
        "Corpus": _corpus(results),
        "Protocol": _protocol(results),
        "Resources": "" if resources is None else resources_section(resources),
        "Gallery": _gallery(samples, scheduler, results["labels"]) if samples else "",
    }
    return document(
        f"Robustness report: {results['corpus']['name']}",
        {name: section for name, section in sections.items() if section},
        banner=SYNTHETIC if results["corpus"]["synthetic"] else "",
        headline=_headline(results),
        overview=overview(results),
    )


def _headline(results: Results) -> str:
    """What the run shows, in two sentences."""
    ours, *others = results["methods"]
    name, metric = results["metrics"][0]["name"], results["metrics"][0]["label"]
    group, *more = condition_groups(ours)
    noisy = ours["scores"][f"{group}/mean"][name]
    rivals = sorted(100 * method["scores"][f"{group}/mean"][name]["mean"] for method in others)
    against = f"; the others reach {number(rivals[0])} to {number(rivals[-1])} %" if len(rivals) > 1 else ""
    where = _HEADLINES.get(group, f"On the mean of the conditions {group}")
    shown = (
        f"{text(where)}, <b>{text(ours['label'])}</b> reaches "
        f"<b>{percent(noisy)}&nbsp;%</b> {text(metric)}{against}. It has "
        f"{percent(ours['scores']['clean'][name])}&nbsp;% on clean data"
    )
    if "missing" in more:
        shown += f" and {percent(ours['scores']['missing/mean'][name])}&nbsp;% where modalities are missing"
    shown += "."
    held, claims = sum(claim["holds"] for claim in results["claims"]), len(results["claims"])
    if not claims:
        return shown
    verdict = f"All {claims} claims hold" if held == claims else f"{held} of {claims} claims {_verb(held, 'hold')}"
    return f"{shown} <b>{verdict}.</b>"


def _claims(claims: Sequence[Claim], metric: str) -> str:
    if not claims:
        return "<p>No claims were checked in this run.</p>"
    items = []
    for claim in claims:
        verdict, kind = ("✓ holds", "holds") if claim["holds"] else ("✗ not reached", "fails")
        required = text(claim["required"].replace(">=", "≥").replace("<=", "≤").replace("-", "−"))
        reason = claim["why"] or ("" if claim["holds"] else "the reason is not known yet.")
        why = f'<p class="why"><b>Why:</b> {text(reason)}</p>' if reason else ""
        items.append(
            f'<li class="claim {kind}"><div><span class="verdict">{verdict}</span> {text(claim["text"])}{why}</div>'
            f'<div class="evidence">{charts.claim_strip(claim)}<small>required {required}</small></div></li>\n'
        )
    caption = (
        f'<p class="note">Measured in points of {text(metric)}, paired run by run: small circles are folds, the bar is '
        "their mean, the dashed line the required value, the thin line zero.</p>"
    )
    return f'<ul class="claims">{"".join(items)}</ul>{caption}'


def _curves(results: Results) -> str:
    curves = results["curves"]
    if not curves:
        return "<p>No curves were measured in this run.</p>"
    order = {method["name"]: index for index, method in enumerate(results["methods"])}
    shown_order = dict(list(order.items())[: charts.COLOURS])
    chance, metric = results["task"]["chance"], results["metrics"][0]["label"]
    ends = [
        end
        for curve in curves
        for name, line in curve["methods"].items()
        if name in shown_order
        for point in line["score"]
        for end in (point["mean"] - (point["std"] or 0.0), point["mean"] + (point["std"] or 0.0))
    ]
    score_range = max(0.0, min(chance, *ends) - 0.04), min(1.0, max(ends) + 0.03)
    labels = [method["label"] for method in results["methods"]][: charts.COLOURS]
    content = charts.legend(labels)
    for modality in dict.fromkeys(curve["modality"] for curve in curves):
        own = [curve for curve in curves if curve["modality"] == modality]
        shown = [charts.curve_chart(c, shown_order, chance, score_range, results["metrics"][0]) for c in own]
        content += f'<h4>{charts.curve_heading(modality)}</h4><div class="multiples">{"".join(shown)}</div>\n'
    caption = (
        f"{text(metric)} against the level of one noise on one modality while the others are clean, or against the "
        "rate at which all modalities are missing or their data dropped. Lines are means, "
        "bands one standard deviation; level 0 is clean and level 1 the strongest that the noise is made for. Where a "
        "scale is named, equal levels mean equal measured severity; uncalibrated levels run along the noise's own "
        "path. All charts share their axes, and the dashed line is chance."
    )
    if len(order) > len(shown_order):
        caption += f" Charts show the first {len(shown_order)} methods; the table has all."
    rows: list[tuple[str, list[Summary | None]]] = []
    for curve in curves:
        cells = [curve["methods"][name]["area"] if name in curve["methods"] else None for name in order]
        rows.append((f"<code>{text(curve['noise'])}</code>", list(cells)))
    head = ["Noise", *(charts.swatch(index, method) for index, method in enumerate(results["methods"]))]
    area_caption = (
        f"Area under the curve: mean {text(metric)} over levels or rates, in per cent; the best of a row is bold"
    )
    return figure(content, caption) + score_table(area_caption, head, rows, by_row=True)


def _confusions(results: Results) -> str:
    names = {"noisy/pooled": "noisy, six conditions pooled", "missing/pooled": "missing, six conditions pooled"}
    blocks = []
    for index, method in enumerate(results["methods"]):
        matrices = "".join(
            _confusion(counts, results["labels"], names.get(condition, condition))
            for condition, counts in method["confusion"].items()
        )
        blocks.append(
            f'<div class="card"><h4>{charts.swatch(index, method)}</h4><div class="pair">{matrices}</div></div>\n'
        )
    caption = (
        "Share of each true class (row) that is taken for each class (column), in per cent, summed over the runs; "
        "the diagonal holds the recalls. Counts appear under the pointer."
    )
    return figure(f'<div class="cards wide-cards">{"".join(blocks)}</div>', caption)


def _confusion(counts: Sequence[Sequence[int]], labels: Sequence[str], caption: str) -> str:
    rows = []
    for label, row in zip(labels, counts, strict=True):
        cells = ""
        for other, count in zip(labels, row, strict=True):
            share = count / max(1, sum(row))
            title = f"{count} of {sum(row)} {label} taken for {other}"
            cells += f'<td style="--share:{100 * share:.0f}%" title="{text(title)}">{number(100 * share, 0)}</td>'
        rows.append(f'<tr><th scope="row">{text(label)}</th>{cells}</tr>')
    head = "".join(f'<th scope="col">{text(label)}</th>' for label in labels)
    return (
        f'<table class="confusion"><caption>{text(caption)}</caption><thead><tr><th scope="col">true ╲ said</th>{head}'
        f"</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _latent(methods: Sequence[Method]) -> str:
    rows = []
    for index, method in enumerate(methods):
        latent = method["latent"]
        if latent is None:
            continue
        active = f"{mean_std(latent['active'])} of {latent['size']}"
        r2, unmended = latent["reconstruction_r2"], latent["unmended_r2"]
        figures = [
            f"{mean_std(r2[c], decimals=2)} ({mean_std(unmended[c], decimals=2)})" if c in r2 else "–"
            for c in _RECONSTRUCTED
        ]
        rows.append([charts.swatch(index, method), active, mean_std(latent["kl_nats"], decimals=2), *figures])
    if not rows:
        return "<p>No method of this run has a latent variable.</p>"
    head = ["Method", "Active dimensions", "KL (nats)", *(f"R², {text(name)}" for name in _RECONSTRUCTED.values())]
    without = [text(method["label"]) for method in methods if method["latent"] is None]
    note = (
        "<p>A dimension is active if its posterior mean varies over the data; a latent with none is not used. KL is "
        "the divergence of the posterior from the prior per utterance. R² is the share of the variance of the clean "
        "teacher's joint representation that is reconstructed: 1 is all of it, 0 no better than its mean; in "
        "brackets, what the teacher itself makes of the noisy data."
        + (f" Without latent variable: {', '.join(without)}." if without else "")
        + "</p>"
    )
    return note + table("What the latent variable carries", head, rows, extra_class="scores")


def _confidence(methods: Sequence[Method]) -> str:
    conditions = list(methods[0]["calibration_error"])
    rows: list[tuple[str, list[Summary | None]]] = [
        (charts.swatch(index, method), [method["calibration_error"].get(c) for c in conditions])
        for index, method in enumerate(methods)
    ]
    parts = ""
    if conditions:
        head = ["Method", *(text(condition.partition("/")[0]) for condition in conditions)]
        caption = "Expected calibration error in per cent: how far confidence is from accuracy; the least is bold"
        parts = score_table(caption, head, rows, lowest=True)
    telling = [(index, method) for index, method in enumerate(methods) if method["reliability"]]
    if telling:
        columns = [(group, m) for group, by_modality in telling[0][1]["reliability"].items() for m in by_modality]
        head = ["Method", *(f"{text(m)}, {text(group)}" for group, m in columns)]
        body: list[tuple[str, list[Summary | None]]] = [
            (charts.swatch(index, method), [method["reliability"][group][m] for group, m in columns])
            for index, method in telling
        ]
        caption = (
            "Does reliability tell? Rank correlation of a modality's reliability with how clean it is, over the "
            "test utterances under each noise at all levels of the curves: 1 is perfect, 0 no relation"
        )
        parts += score_table(caption, head, body, scale=1.0, decimals=2)
    return parts or "<p>No method of this run gives a confidence.</p>"


def _unimodal(results: Results) -> str:
    trained = {"clean": "clean data", "noisy": "noisy data", "broad": "broad noise"}
    name, metric = results["metrics"][0]["name"], text(results["metrics"][0]["label"])
    rows: list[tuple[str, list[Summary | None]]] = [
        (f"{text(modality)}, trained on {text(trained.get(kind, kind))}", [on["clean"][name], on["noisy"][name]])
        for modality, kinds in results["unimodal"].items()
        for kind, on in kinds.items()
    ]
    if not rows:
        return ""
    body = [[head, *("–" if s is None else percent(s) for s in summaries)] for head, summaries in rows]
    head = ["Encoder", f"{metric} on clean data", f"{metric} on noisy data"]
    caption = f"{metric} of one modality alone, in per cent, {averaged(results, 'mean ± standard deviation')}"
    note = "<p>What each modality can do on its own; the distance to the fused scores is what fusion gains.</p>"
    return note + table(caption, head, body, extra_class="scores")


def _schedule(results: Results, scheduler: NoiseScheduler) -> str:
    trained = survey(scheduler)
    level = figure(
        charts.level_chart(trained),
        "Level of the noise where a modality is hit, against the progress of training: the line is the median, the "
        "bands hold half and nine tenths of the draws.",
        extra_class="chart",
    )
    shares = "".join(
        charts.bar_group(
            modality, [(noise, share, "var(--c0)") for noise, share in trained.type_shares(modality).items()]
        )
        for modality in trained.types
    )
    hits = charts.bar_group(
        "Noisy modalities at once",
        [("none" if n == 0 else str(n), share, "var(--c2)") for n, share in enumerate(trained.hit_shares())],
    )
    types = figure(
        f'<div class="bar-groups">{shares}{hits}</div>',
        "Share of each type among the hits of its modality, and how many modalities of an utterance are noisy at "
        f"once; counted over {_thousands(trained.plans)} plans of this scheduler, all over the training.",
    )
    digest = f"<p>Scheduler <code>{text(results['scheduler_digest'])}</code>, seed {scheduler.seed}.</p>"
    return digest + f'<div class="two">{level}{types}</div>'


def _corpus(results: Results) -> str:
    corpus = results["corpus"]
    facts = [
        ("Corpus", text(corpus["name"])),
        ("Utterances", str(corpus["utterances"])),
        ("Per class", _counts(corpus["per_class"])),
        ("Per session", _counts(corpus["per_session"])),
        ("Face crops", _counts(corpus["faces"])),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts if value)
    notes = "".join(f"<li>{text(note)}</li>" for note in corpus["notes"])
    left_out = corpus["left_out"]
    if left_out:
        lines = "".join(f"<li>{text(line)}</li>" for line in left_out)
        what = "1 utterance or file was" if len(left_out) == 1 else f"{len(left_out)} utterances or files were"
        missing = f"<details><summary>{what} left out</summary><ul>{lines}</ul></details>"
    else:
        missing = "<p>Nothing was left out.</p>"
    return f'<dl class="facts">{listed}</dl>{f"<ul>{notes}</ul>" if notes else ""}{missing}'


def _protocol(results: Results) -> str:
    protocol = results["protocol"]
    runs = [
        [f"{index}", str(run["seed"]), text(run["fold"]), *(str(run[part]) for part in ("train", "validation", "test"))]
        for index, run in enumerate(protocol["runs"], 1)
    ]
    methods = [
        [
            charts.swatch(index, method),
            text(method["encoders"]),
            text(method["training"]),
            _thousands(method["parameters"]),
        ]
        for index, method in enumerate(results["methods"])
    ]
    levels = ", ".join(f"{level:g}" for level in protocol["curve_levels"])
    held_out = {m: ", ".join(_noise_name(n) for n in noises) for m, noises in results["held_out"].items()}
    unseen = "; ".join(f"{text(m)}: {text(names)}" for m, names in held_out.items()) or "none"
    facts = (
        f"<p><b>Protocol.</b> {text(protocol['name'])}.</p>"
        f"<p><b>Held-out types of noise.</b> {unseen}.</p>"
        f"<p><b>Selection.</b> {text(protocol['selection'])} "
        f"{TEST_SET[protocol['selected_on_test']]}</p>"
    )
    if protocol["noisy_levels"]:
        low, high = min(protocol["noisy_levels"]), max(protocol["noisy_levels"])
        facts += (
            f"<p><b>Noisy test data.</b> {protocol['views']} views of each test utterance in each of the six "
            f"conditions, at levels from {low:g} to {high:g}, the same for all methods."
            + (f" Curves are measured at levels {levels}." if levels else "")
            + "</p>"
        )
    return (
        facts
        + table("Methods", ["Method", "Encoders trained on", "Fusion trained on", "Weights of the fusion"], methods)
        + table("Runs", ["Run", "Seed", "Tested on", "Train", "Validation", "Test"], runs, extra_class="scores")
    )


def _gallery(samples: Sequence[Mapping[str, Any]], scheduler: NoiseScheduler, labels: Sequence[str]) -> str:
    note = (
        "<p>Look and listen: every noise of the schedule alone, at five levels from the same random stream, the clean "
        "sample first. Frames run left to right in time. Spectrograms show power from 0 to −70 dB below the clean "
        "peak; where a level would overload the player, all levels of its noise are turned down alike. In sentences, "
        "<mark>changed letters</mark> are marked and <del>lost words</del> struck through.</p>"
    )
    return note + gallery(samples, scheduler, labels)


def _noise_name(noise: Any) -> str:
    return str(noise["noise"]) if isinstance(noise, dict) else str(noise)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{text(name)}: {count}" for name, count in counts.items())


def _thousands(count: int) -> str:
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb

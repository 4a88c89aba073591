"""One digest of many plans: ``python plan_digests.py``. Needs numpy alone; the same on every machine."""

import hashlib

import noise_scheduler as ns

EXPECTED = "ca3be08056683a43198ec6a99c0aa462"
NOISES = {"feature": ["feature/missing", "feature/beta_schedule"], "text": ["text/word_loss", "text/missing"]}


def schedulers():
    """One scheduler for each distribution, curve, condition and span."""
    ramp = ns.linear(0.1, 0.9, until="60%")
    curves = [
        ns.cosine(0, 1, until="80%"),
        ns.exponential(0.01, 1),
        ns.polynomial(0, 1, exponent=2.7),
        ns.polynomial(1, 0.2, exponent=0.3, since="1ep"),
        ns.piecewise((0, 0.1), ("2ep", 0.7), ("90%", ramp)),
        ns.stepwise((0, 0.1), ("2ep", 0.7), ("90%", 1)),
        ns.cyclic(0, ramp, period="3ep").then(ns.cosine(1, 0), at="70%"),
        ns.maximum(ns.cosine(0, 1).repeat("40%"), 0.2).scale(ramp).clamp(0.1, 0.8),
    ]
    levels = [
        *curves,
        *map(ns.uniform, [0.0] * len(curves), curves),
        ns.beta(ns.linear(0.2, 20), ns.exponential(30, 0.5), low=0.1, high=ramp),
        ns.truncated_normal(ramp, ns.linear(0.01, 0.5)),
        ns.choice({0.0: 1, 0.3: ramp, 1.0: ns.cosine(0, 3)}),
        ns.easy_to_hard(),
        ns.hard_to_easy(),
        ns.accordion(),
    ]
    conditions = [
        ns.any_subset({"": ns.exponential(8, 0.1)}),
        ns.independent({"feature": ns.cosine(0, 1), "text": 0.3}),
        ns.missing_rate(ns.linear(0, 0.7)),
    ]
    spans = [1.0, ns.uniform(0.2, ramp), ns.bursts(ns.beta(2, 3), count=3)]
    mixtures = [
        NOISES,
        {
            "feature": ns.mixture(NOISES["feature"], count=ns.choice([0, 1, 2])),
            "text": {"text/word_loss": ns.polynomial(0, 1, exponent=1.5), "text/missing": 0.3},
        },
    ]
    for index, level in enumerate(levels):
        yield ns.NoiseScheduler(
            mixtures[index % 2],
            level=level,
            condition=conditions[index % 3],
            span=spans[index // 2 % 3],
            seed=index * 2**60 % 2**64,
            steps_per_epoch=10,
            total_steps=100,
        )


def digest():
    """The digest of 20 plans at 22 steps of each scheduler, steps beyond the end included."""
    found = hashlib.blake2b(digest_size=16)
    for scheduler in schedulers():
        for step in [*range(0, 100, 5), 99, 130]:
            for sample in range(20):
                found.update(scheduler.plan(sample if sample % 2 else f"u{sample}", step).to_json().encode())
    return found.hexdigest()


if __name__ == "__main__":
    print(digest())

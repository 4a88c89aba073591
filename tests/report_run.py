"""A run as the report sees it: a plausible results.json and utterances for the gallery, both deterministic."""

import numpy as np

import noise_scheduler as ns
from recipes.report.gallery import LEVELS
from recipes.report.results import CONDITIONS
from recipes.task import Emotion

METRICS = tuple(metric["name"] for metric in Emotion.metrics)
LABELS = ["neutral", "happy", "angry", "sad"]
METHODS = {
    "nmer": ("NMER (VAE), scheduled noise", 0.84, 0.12),
    "concat": ("Concatenation, scheduled noise", 0.83, 0.15),
    "nmer_zero": ("NMER, zero vectors", 0.82, 0.24),
    "nmer_clean": ("NMER, clean data only", 0.85, 0.32),
}
NOISES = {
    "audio": ["audio/background", "audio/reverb"],
    "video": ["image/motion_blur", "image/occlusion", "image/low_light"],
    "text": ["text/keyboard", "text/word_loss"],
}


def summary(values):
    return {"values": list(values), "mean": float(np.mean(values)), "std": float(np.std(values, ddof=1))}


def fake_results(synthetic=True, runs=3):
    """A results.json as a run might write it: plausible figures, deterministic."""
    rng = np.random.default_rng(7)

    def around(mean, spread=0.012):
        return summary((mean + spread * rng.standard_normal(runs)).round(6).tolist())

    weight = {"a": 0.7, "v": 0.6, "t": 0.8, "av": 1.2, "at": 1.4, "vt": 1.3, "mean": 1.0, "pooled": 1.0}

    def confusion(ua, total):
        matrix = np.full((4, 4), (1 - ua) / 3)
        np.fill_diagonal(matrix, ua)
        return (matrix * total * (1 + 0.2 * rng.random((4, 4)))).round().astype(int).tolist()

    methods, curves = [], []
    for name, (label, clean, loss) in METHODS.items():
        scores = {}
        for condition in CONDITIONS:
            group, _, part = condition.partition("/")
            lost = 0 if group == "clean" else loss * weight[part] * (1.2 if group == "missing" else 1)
            scores[condition] = {metric: around(clean - lost - 0.01 * i) for i, metric in enumerate(METRICS)}
        latent = {
            "size": 32,
            "active": summary([19, 21, 20][:runs]),
            "kl_nats": around(11.4, 0.6),
            "reconstruction_r2": {"clean": around(0.81), "noisy/pooled": around(0.47)},
            "unmended_r2": {"clean": around(1.0), "noisy/pooled": around(0.12)},
        }
        methods.append(
            {
                "name": name,
                "label": label,
                "encoders": "clean" if name == "nmer_clean" else "noisy",
                "training": {"nmer_zero": "modalities set to zero", "nmer_clean": "clean data"}.get(
                    name, "scheduled noise + missing"
                ),
                "parameters": 123456,
                "scores": scores,
                "confusion": {"clean": confusion(clean, 110), "noisy/pooled": confusion(clean - loss, 5200)},
                "calibration_error": {
                    "clean": around(0.05),
                    "noisy/pooled": around(0.11),
                    "missing/pooled": around(0.1),
                },
                "reliability": {} if name == "concat" else {"noisy": {m: around(0.7) for m in NOISES}},
                "latent": None if name == "concat" else latent,
            }
        )
    for modality, noises in NOISES.items():
        for noise in noises:
            lines = {}
            for name, (_, clean, loss) in METHODS.items():
                score = [around(clean - loss * level**1.4) for level in LEVELS]
                lines[name] = {"score": score, "area": around(clean - loss * 0.4)}
            curves.append(
                {"modality": modality, "noise": noise, "scale": "native", "levels": list(LEVELS), "methods": lines}
            )
    scheduler = ns.NoiseScheduler(
        {
            "audio": {"audio/background": 3, "audio/reverb": 3, "audio/missing": 2},
            "video": ["image/motion_blur", "image/occlusion", "image/low_light", "image/missing"],
            "text": {"text/keyboard": 3, "text/word_loss": 3, "text/missing": 2},
        },
        level=ns.uniform(0, ns.linear(0.3, 1.0, until="30%")),
        total_steps=1000,
    )
    return {
        "schema": 2,
        "recipe": "iemocap",
        "corpus_digest": "0123456789abcdef",
        "task": {"name": "iemocap4", "outputs": LABELS, "chance": 0.25},
        "metrics": list(Emotion("iemocap4", LABELS).metrics),
        "corpus": {
            "name": "IEMOCAP layout, synthetic demo corpus" if synthetic else "IEMOCAP",
            "synthetic": synthetic,
            "utterances": 720,
            "per_class": dict(zip(LABELS, (222, 213, 144, 141), strict=True)),
            "per_session": {str(session): 144 for session in range(1, 6)},
            "left_out": ["Ses01F_impro01_F003: WAV is truncated <at 3 s>", "Ses02M_impro02_M001: no transcript"],
            "notes": ["Counts differ from those of the published release."],
            "faces": {"detector": 0, "fallback": 720},
        },
        "labels": LABELS,
        "protocol": {
            "name": "raw noise on the six conditions",
            "selected_on_test": False,
            "runs": [
                {"seed": i, "fold": f"Session{5 - i}", "train": 432, "validation": 144, "test": 144}
                for i in range(runs)
            ],
            "selection": "The epoch with the best UA on the validation speakers.",
            "noisy_levels": [0.5, 1.0],
            "views": 8,
            "curve_levels": list(LEVELS),
        },
        "scheduler": scheduler.to_dict(),
        "scheduler_digest": scheduler.digest,
        "held_out": {},
        "methods": methods,
        "unimodal": {
            modality: {
                kind: {"clean": {"ua": around(ua)}, "noisy": {"ua": around(ua - drop)}}
                for kind, drop in (("clean", 0.2), ("noisy", 0.1))
            }
            for modality, ua in (("audio", 0.62), ("video", 0.55), ("text", 0.66))
        },
        "curves": curves,
        "claims": [
            {
                "text": "Scheduled noise beats clean training on the six noisy conditions",
                "required": ">= 8.0",
                "measured": summary([19.2, 21.3, 20.1][:runs]),
                "holds": True,
                "why": "",
            },
            {
                "text": "It loses at most one point on clean data",
                "required": ">= -1",
                "measured": summary([-1.9, -0.4, -1.3][:runs]),
                "holds": False,
                "why": "The validation speakers of one run are unlike its test speakers & few.",
            },
        ],
    }


def fake_sample(seed, label=0):
    rng = np.random.default_rng(seed)
    time = np.arange(20_000) / 16_000
    wave = 0.2 * np.sin(2 * np.pi * (180 + 30 * np.sin(5 * time)) * time) * (np.sin(9 * time) > -0.5)
    return {
        "id": f"Ses0{seed + 1}F_impro01_F000",
        "label": label,
        "audio": (wave + 0.002 * rng.standard_normal(len(time))).astype(np.float32),
        "sample_rate": 16000,
        "video": rng.integers(0, 256, (5, 32, 32, 3), dtype=np.uint8),
        "fps": 12.5,
        "text": "I really can't believe <that> you came back so soon",
    }

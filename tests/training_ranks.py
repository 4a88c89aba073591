"""A training of one weight that writes down what it is given, on one rank or several: see test_trainer.py."""

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

import noise_scheduler as ns
from noise_scheduler.torch_data import Scheduled, StepSampler
from noise_scheduler.torch_data.lightning import NoiseCallback
from recipes.trainer import TrainerSettings, Training, fit

SAMPLES, GLOBAL_BATCH, EPOCHS = 22, 4, 3
STEPS = EPOCHS * (SAMPLES // GLOBAL_BATCH)


class Waves(Dataset):
    def __len__(self):
        return SAMPLES

    def __getitem__(self, index):
        return {"audio": np.full(64, 0.01 * (index + 1), np.float32), "sample_rate": 16000, "row": index}


class OneWeight(Training):
    """Scores its validations as told."""

    def __init__(self, scores=(), **options):
        super().__init__(steps=STEPS, learning_rate=0.1, weight_decay=0.0, **options)
        self.layer = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.constant_(self.layer.weight, 2.0)
        self.kept = (self.averaged(self.layer),)
        self.scores, self.seen, self.weights = iter(scores), [], []

    def trained(self):
        return self.layer

    def training_step(self, batch):
        self.seen.append((batch["noise_step"].tolist(), batch["row"].tolist(), batch["audio"].sum(1).tolist()))
        return self.layer(batch["row"].float()[:, None]).square().mean()

    def on_train_batch_end(self, *arguments):
        super().on_train_batch_end(*arguments)
        self.weights.append(self.layer.weight.item())

    def on_train_epoch_end(self):
        self.select(next(self.scores, float(self.current_epoch)), self.kept[0])


def train(folder, devices=1, epochs=EPOCHS, scores=(), **options):
    """Train under scheduled noise and write ``RANK.json``; gives (module, what `fit` gives)."""
    scheduler = ns.NoiseScheduler({"audio": ["audio/white_noise"]}, total_steps=epochs * (STEPS // EPOCHS), seed=1)
    loader = DataLoader(
        Scheduled(Waves(), scheduler),
        batch_size=GLOBAL_BATCH // devices,
        sampler=StepSampler(SAMPLES, global_batch=GLOBAL_BATCH, seed=5),
    )
    training = OneWeight(scores, **options)
    settings = TrainerSettings(devices=devices)
    fitted = fit(
        training, loader, None, epochs, 3, Path(folder) / "log", lambda done, total: None, NoiseCallback(loader),
        settings=settings,
    )  # fmt: skip
    found = {"seen": training.seen, "weights": training.weights}
    (Path(folder) / f"{os.environ.get('LOCAL_RANK', 0)}.json").write_text(json.dumps(found))
    return training, fitted

import importlib.metadata
import random
from concurrent.futures import ThreadPoolExecutor

import nlpaug.augmenter.char as nac
import nlpaug.augmenter.word as naw
import nlpaug.flow as naf
import numpy as np
import pytest
from wrapped import clean_registry, global_states  # noqa: F401

import noise_scheduler as ns
from noise_scheduler import testing
from noise_scheduler.contract import ContractError

SENTENCE = "I never thought that the old clock would stop on the very evening you came back"
EVERY = {"aug_char_max": None, "aug_word_max": None}
TRANSFORMS = {
    "characters": lambda level: nac.KeyboardAug(aug_char_p=level, aug_word_p=level, **EVERY),
    "words": lambda level: naw.RandomWordAug(action="delete", aug_p=level, aug_max=None),
    "flow": lambda level: naf.Sequential(
        [nac.OcrAug(aug_char_p=level, aug_word_p=level, **EVERY), naw.RandomWordAug(action="swap", aug_p=level)]
    ),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_contract(transform, monkeypatch):
    monkeypatch.setattr(testing, "_check_rise", lambda *_: None)  # whose steps are words, of which some are changed
    ns.wrap("text/wrapped", TRANSFORMS[transform])
    before = global_states()
    testing.check_noise("text/wrapped")
    assert global_states() == before
    means = [
        np.mean([ns.corrupt(SENTENCE, "text/wrapped", level=level, seed=seed) != SENTENCE for seed in range(30)])
        for level in (0.1, 0.9)
    ]
    assert means[1] >= means[0] > 0.5


def test_other_threads_keep_the_global_generators():
    """Draws of the main thread are what they are alone, while other threads run transforms that draw."""
    ns.wrap("text/keys", TRANSFORMS["flow"])
    kept = random.getstate(), np.random.get_state()  # noqa: NPY002

    def draws():
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002
        return [(random.random(), np.random.rand()) for _ in range(5000)]  # noqa: NPY002

    try:
        alone = draws()
        with ThreadPoolExecutor(3) as pool:
            jobs = [pool.submit(ns.corrupt, SENTENCE, "text/keys", level=0.5, seed=seed) for seed in range(60)]
            beside = draws()
            noisy = [job.result() for job in jobs]
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
    assert alone == beside
    assert noisy == [ns.corrupt(SENTENCE, "text/keys", level=0.5, seed=seed) for seed in range(60)]
    assert len(set(noisy)) > 50


def test_blank_text_stays_and_records_hold_the_release():
    ns.wrap("text/keys", TRANSFORMS["characters"])
    assert ns.corrupt(" \t\n", "text/keys", level=1) == " \t\n"
    scheduler = ns.NoiseScheduler({"text": ["text/keys"]}, level=1, condition=ns.fixed("text"))
    noisy, record = scheduler({"text": SENTENCE}, id="a", step=0)
    assert record.hits[0].achieved["library"] == f"nlpaug {importlib.metadata.version('nlpaug')}"
    assert ns.replay({"text": SENTENCE}, record)["text"] == noisy["text"] != SENTENCE


def test_what_is_no_noise_is_named():
    class Numbers(nac.RandomCharAug):
        def augment(self, data, n=1, num_thread=1):
            return [len(data)]

    for name, transform, error, message in (
        ("sometimes", lambda level: naf.Sometimes([nac.OcrAug()]), ValueError, "Sometimes has aug_p=0.8 .* aug_p=1"),
        ("nested", lambda level: naf.Sequential([naf.Sometimes([nac.OcrAug()])]), ValueError, "Sometimes has aug_p"),
        ("function", lambda level: str.upper, TypeError, "text/function: .* is not a transform of nlpaug"),
        ("numbers", lambda level: Numbers(), ContractError, "text/numbers: the transform made int of a str"),
    ):
        ns.wrap(f"text/{name}", transform)
        with pytest.raises(error, match=message):
            ns.corrupt(SENTENCE, f"text/{name}", level=0.5)

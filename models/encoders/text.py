"""Sentences to one vector: hashed words with character n-grams, a convolution over words, masked pooling.

A word is the sum of its own vector and the mean of the vectors of its character 3- to 5-grams, all in one
hashed table, so that a misspelt word keeps most of its n-grams and lands near the right one; nothing is
downloaded and no vocabulary is stored. The hash is CRC-32, the same on every machine and in every process.

How noisy a sentence is shows in how familiar its words are: rows of the table that training never came upon stay short.
The vector does not say so, as words are normalised; `TextEncoder.quality` does.

Public: `split_words`, `word_buckets`, `TextEncoder`. Reference: Bojanowski et al., TACL 2017 (fastText).
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.encoders.encoder import Encoder
from models.encoders.pooling import AttentivePooling, length_mask, masked_mean_std

_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
_NGRAM_LENGTHS = (3, 4, 5)


def split_words(sentence: str) -> list[str]:
    """Lower-case words, apostrophes kept inside, and single punctuation marks."""
    return _TOKEN.findall(sentence.lower())


@lru_cache(maxsize=65_536)
def word_buckets(word: str, buckets: int) -> tuple[int, ...]:
    """Rows of the hashed table, each in [0, buckets): the word itself first, then its character n-grams.

    The word is put between `<` and `>`, as in fastText, so that beginnings and ends differ from the middle.
    """
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in _NGRAM_LENGTHS for i in range(len(marked) - n + 1)]
    # The marks differ so that the word "<ha>" and its n-gram "<ha>" do not share one row.
    return tuple(zlib.crc32(key.encode("utf-8")) % buckets for key in (f"word {marked}", *(f"gram {g}" for g in grams)))


class TextEncoder(Encoder):
    """Word order by a convolution over three words, meaning by words, spelling errors caught by characters.

    In training whole-word vectors are dropped at random, so that the character n-grams learn to stand alone.
    """

    modality = "text"
    quality_dim = 9

    def __init__(
        self,
        out_dim: int = 64,
        *,
        width: int = 64,
        buckets: int = 8192,
        word_dropout: float = 0.25,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.out_dim = out_dim
        self.config = {
            "out_dim": out_dim,
            "width": width,
            "buckets": buckets,
            "word_dropout": word_dropout,
            "dropout": dropout,
        }
        self.buckets = buckets
        self.word_dropout = word_dropout
        self.table = nn.EmbeddingBag(buckets, width, mode="sum")
        # Small, so that n-grams never seen in training add next to nothing.
        nn.init.uniform_(self.table.weight, -1 / width, 1 / width)
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, 3, padding=1)
        self.pooling = AttentivePooling(width)
        self.projection = nn.Sequential(nn.Dropout(dropout), nn.Linear(self.pooling.out_dim, out_dim))

    def forward(self, batch: Batch) -> Tensor:
        """(B, out_dim) from `batch.text`."""
        words, mask = self._embed([split_words(sentence) for sentence in batch.text])  # (B, L, width), (B, L)
        context = self.conv(words.transpose(1, 2)).transpose(1, 2)
        hidden = (words + nn.functional.gelu(context)) * mask.unsqueeze(2)
        vector: Tensor = self.projection(self.pooling(hidden, mask))
        return vector

    @torch.no_grad()
    def quality(self, batch: Batch) -> Tensor:
        """(B, 9) mean, deviation and minimum over the words of how familiar each is; zeros for a text without any.

        Three values per word: the logarithm of the length of its own row in the table, and the mean and the minimum of
        those of its character n-grams.
        """
        sentences = [split_words(sentence) for sentence in batch.text]
        rows = [word_buckets(word, self.buckets) for sentence in sentences for word in sentence]
        mask = self._mask(sentences)
        if not rows:
            return torch.zeros(len(batch), self.quality_dim, device=mask.device)
        size = self.table.weight.float().norm(dim=1).log1p()
        own = size[torch.tensor([row for row, *_ in rows], device=size.device)]
        grams = size[torch.tensor([gram for _, *grams in rows for gram in grams], device=size.device)]
        counts = torch.tensor([len(grams) for _, *grams in rows], device=size.device)
        words = torch.stack([own, *(torch.segment_reduce(grams, kind, lengths=counts) for kind in ("mean", "min"))], 1)
        padded = words.new_zeros((*mask.shape, 3)).masked_scatter(mask.unsqueeze(2), words)
        least = (
            padded.masked_fill(~mask.unsqueeze(2), torch.inf).amin(dim=1).masked_fill(~mask.any(dim=1, keepdim=True), 0)
        )
        return torch.cat([masked_mean_std(padded, mask), least], dim=1)

    def _mask(self, sentences: list[list[str]]) -> Tensor:
        """(B, L) bool: which places of a padded batch hold a word."""
        length = torch.tensor([len(sentence) for sentence in sentences], device=self.table.weight.device)
        return length_mask(length, max(1, int(length.max())))

    def _embed(self, sentences: list[list[str]]) -> tuple[Tensor, Tensor]:
        device = self.table.weight.device
        rows: list[int] = []
        weights: list[float] = []
        starts: list[int] = []
        for word in (word for sentence in sentences for word in sentence):
            word_row, *gram_rows = word_buckets(word, self.buckets)
            starts.append(len(rows))
            rows += [word_row, *gram_rows]
            weights += [1.0] + [1.0 / len(gram_rows)] * len(gram_rows)
        weight = torch.tensor(weights)
        start = torch.tensor(starts, dtype=torch.int64)
        if self.training and starts:
            weight[start] = (torch.rand(len(starts)) >= self.word_dropout).float()
        words = self.table(torch.tensor(rows, dtype=torch.int64, device=device), start.to(device), weight.to(device))
        mask = self._mask(sentences)
        padded = words.new_zeros((*mask.shape, words.shape[1]))
        return padded.masked_scatter(mask.unsqueeze(2), self.norm(words)), mask

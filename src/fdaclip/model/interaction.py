"""Frames and words kept apart, and compared one by one: DRL's token interaction.

Wang, Zhang, Zheng, Pan, Hua 2022, "Disentangled representation learning for text-video retrieval"
(arXiv 2203.07111), section 3.2; its code, tvr/models/modeling.py, `wti_interaction`.

Shapes: B clips or sentences, Q sentences, V videos, T frames, L tokens, E embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from .sequence import FrameTransformer

Features = tuple[Tensor, ...]


class TokenHead(nn.Module):
    """Each word is compared with the frame that fits it best, and each frame with its best word.

    With unit words wᵢ (i of a sentence's words) and unit frames fⱼ,

        score = ½ ( Σᵢ aᵢ maxⱼ wᵢ·fⱼ + Σⱼ bⱼ maxᵢ wᵢ·fⱼ )

    `ti` weighs all alike (aᵢ = 1/words, bⱼ = 1/T); `wti` by a softmax of two small networks, over
    the words and over the frames. Their last layers are zero at first, so that an untrained `wti`
    is `ti`. DRL's code lets a padding token take part in the second maximum with a similarity of 0;
    here it takes none, which differs only where all words of a sentence are at more than a right
    angle to a frame.

    Args:
        width: E.
        weighted: `wti` rather than `ti`.
        transformer: that the frames go through first.
    """

    def __init__(
        self, width: int, *, weighted: bool, transformer: FrameTransformer | None = None
    ) -> None:
        super().__init__()
        self.transformer = transformer
        self.word_weight = weigher(width) if weighted else None
        self.frame_weight = weigher(width) if weighted else None

    def video(self, frames: Tensor) -> Features:
        """Frame features [B,T,E] → (unit frames [B,T,E],), with `wti` also weights [B,T]."""
        if self.transformer is not None:
            frames = self.transformer(frames)
        unit = normalize(frames.float(), dim=-1)
        if self.frame_weight is None:
            return (unit,)
        return unit, self.frame_weight(frames).squeeze(-1).float().softmax(-1)

    def text(self, words: Tensor, mask: Tensor) -> Features:
        """Word features [B,L,E] and which are words, bool [B,L] → (unit words, mask[, weights]).

        Padding is zero in all of them.
        """
        unit = normalize(words.float(), dim=-1) * mask[..., None]
        if self.word_weight is None:
            return unit, mask
        logits = self.word_weight(words).squeeze(-1).float().masked_fill(~mask, -torch.inf)
        return unit, mask, logits.softmax(-1)

    def score(self, text: Features, video: Features) -> Tensor:
        """[Q,V], in [−1, 1].

        Args:
            text, video: as `text` and `video` give them.
        """
        words, mask, *word_weight = text
        frames, *frame_weight = video
        length = longest(mask)  # the rest is padding
        words, mask = words[:, :length], mask[:, :length]
        alike = torch.einsum("qle,vte->qvlt", words, frames)  # [Q,V,L,T]
        of_words = alike.amax(3)  # [Q,V,L]
        of_frames = alike.masked_fill(~mask[:, None, :, None], -torch.inf).amax(2)  # [Q,V,T]
        a = word_weight[0][:, :length] if word_weight else uniform(mask, of_words.dtype)
        to_video = torch.einsum("qvl,ql->qv", of_words, a)
        if frame_weight:
            to_text = torch.einsum("qvt,vt->qv", of_frames, frame_weight[0])
        else:
            to_text = of_frames.mean(2)
        return (to_video + to_text) / 2


def weigher(width: int) -> nn.Sequential:
    """[…,E] → […,1]: two layers, as DRL's published runs have it (`wti_arch` 2); zero at first."""
    last = nn.Linear(width, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), last)


def uniform(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Of a sentence's words each the same weight, padding none: bool [Q,L] → [Q,L]."""
    return mask.to(dtype) / mask.sum(1, keepdim=True)


def longest(mask: Tensor) -> int:
    """Up to which token any sentence has words."""
    used = mask.any(0).nonzero()
    return int(used[-1]) + 1 if len(used) else 1

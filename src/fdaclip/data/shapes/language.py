"""Sentences about a mover and its motion, and about nothing else in the scene."""

from __future__ import annotations

import numpy as np

from fdaclip.data.shapes.scene import COLOURS, Motion, Shape

_SIZE = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
_FORM = {
    "circle": ("circle", "disc", "dot"),
    "ring": ("ring", "hoop"),
    "triangle": ("triangle", "wedge"),
    "cross": ("cross", "plus sign"),
    "bar": ("bar", "plank"),
    "pillar": ("pillar", "post"),
}
_ADVERB = {"slow": ("slowly", "gently", "calmly"), "fast": ("quickly", "fast", "rapidly")}
_VERB = {
    "slow": ("drifts", "crawls", "creeps"),
    "fast": ("races", "dashes", "shoots"),
}
_TOWARDS = {
    "left": ("to the left", "leftwards", "towards the left"),
    "right": ("to the right", "rightwards", "towards the right"),
    "up": ("upwards", "straight up", "to the top"),
    "down": ("downwards", "straight down", "to the bottom"),
    "up left": ("up and to the left", "towards the upper left"),
    "up right": ("up and to the right", "towards the upper right"),
    "down left": ("down and to the left", "towards the lower left"),
    "down right": ("down and to the right", "towards the lower right"),
}
_SWING = {
    "right": ("swings from side to side", "moves back and forth sideways"),
    "down": ("bobs up and down", "moves back and forth vertically"),
}
_LOOP = ("flies in loops", "moves around in loops", "circles about its place")


def sentence(shape: Shape, motion: Motion, rng: np.random.Generator) -> str:
    """One phrasing, drawn at random, of ``shape`` making ``motion``."""

    def one(words: tuple[str, ...]) -> str:
        return words[rng.integers(len(words))]

    article = one(("a", "the", "one"))
    subject = f"{article} {one(_SIZE[shape.size])} {shape.colour} {one(_FORM[shape.form])}"
    adverb = one(_ADVERB[motion.speed])
    if motion.path == "straight":
        towards = one(_TOWARDS[motion.direction])
        plain = one(("moves", "goes", "travels"))
        return one(
            (
                f"{subject} {one(_VERB[motion.speed])} {towards}",
                f"{subject} {plain} {adverb} {towards}",
                f"{subject} {adverb} {plain} {towards}",
            )
        )
    doing = one(_SWING[motion.direction] if motion.path == "swing" else _LOOP)
    return one((f"{subject} {doing} {adverb}", f"{subject} {adverb} {doing}"))


def sentences(
    shape: Shape, motion: Motion, count: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """``count`` different phrasings."""
    found: list[str] = []
    while len(found) < count:
        phrase = sentence(shape, motion, rng)
        if phrase not in found:
            found.append(phrase)
    return tuple(found)


def vocabulary() -> list[str]:
    """Every word that a sentence can hold, sorted."""
    groups = [
        *_SIZE.values(),
        *_FORM.values(),
        *_ADVERB.values(),
        *_VERB.values(),
        *_TOWARDS.values(),
        *_SWING.values(),
        _LOOP,
        ("a", "the", "one", "moves", "goes", "travels"),
    ]
    phrases = [phrase for group in groups for phrase in group] + list(COLOURS)
    return sorted({word for phrase in phrases for word in phrase.split()})

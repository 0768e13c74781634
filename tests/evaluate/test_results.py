"""Embeddings and results on disk, and two results compared."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from fdaclip.evaluate import (
    BadFile,
    Embeddings,
    NotComparable,
    Result,
    Scores,
    compare,
    dsl,
    evaluate_embeddings,
    provenance,
)

VIDEOS = 90


def made(noise: float, *, each: int = 2, seed: int = 0, videos: int = VIDEOS) -> Embeddings:
    """Sentences at a distance from their videos; the same videos for every noise."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((videos, 12)).astype(np.float32)
    owner = np.repeat(np.arange(videos), each)
    texts = vectors[owner] + noise * rng.standard_normal((len(owner), 12)).astype(np.float32)
    return Embeddings(
        texts=(texts,),
        videos=(vectors,),
        owner=owner,
        names=tuple(f"video{i}" for i in range(videos)),
        captions=tuple(f"sentence {i}" for i in range(len(owner))),
        energy=rng.random(videos).astype(np.float32),
        share=rng.random(videos).astype(np.float32),
    )


def test_embeddings_come_back_as_they_were_saved(tmp_path: Path) -> None:
    before = made(0.5)
    before = Embeddings(
        **{name: getattr(before, name) for name in ("texts", "videos", "owner", "names")},
        captions=("\udc80 surrogate", "“ünïcode”\n", *before.captions[2:]),
        frames=np.ones((VIDEOS, 3, 12), np.float32),
        bank=(np.ones((5, 12), np.float32), np.ones((5, 4), bool)),
        origin={"model": "m", "settings": {"frames": 12}},
    )
    before.save(tmp_path / "new" / "e.npz")
    after = Embeddings.load(tmp_path / "new" / "e.npz")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["e.npz"]
    assert (after.names, after.captions, after.origin) == (
        before.names,
        before.captions,
        before.origin,
    )
    assert after.key == before.key and after.energy is None
    for name in ("texts", "videos", "bank"):
        for one, two in zip(getattr(before, name), getattr(after, name), strict=True):
            assert one.dtype == two.dtype and (one == two).all()
    assert (after.frames == before.frames).all()


def test_what_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        Embeddings.load(tmp_path / "none.npz")
    with pytest.raises(BadFile, match="cannot be read: No such file"):
        Result.load(tmp_path / "none.json")
    wrong = tmp_path / "wrong"
    for content in (b"", b"PK\x03\x04 cut", b"{}", b'{"format": 99}', b"[]", b"\xff\xfe"):
        wrong.write_bytes(content)
        with pytest.raises(BadFile, match="wrong holds no embeddings"):
            Embeddings.load(wrong)
        with pytest.raises(BadFile, match="wrong is no saved result"):
            Result.load(wrong)
    made(0.5).save(tmp_path / "cut.npz")
    whole = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile):
        Embeddings.load(tmp_path / "cut.npz")


def test_parts_that_do_not_fit_are_refused() -> None:
    vectors = np.eye(3, dtype=np.float32)
    names = ("a", "b", "c")
    with pytest.raises(ValueError, match=r"videos: 3 are needed, not \[2\]"):
        Embeddings((vectors,), (vectors[:2],), np.arange(3), names, names)
    with pytest.raises(ValueError, match="'c' has no sentence"):
        Embeddings((vectors,), (vectors,), np.array([0, 1, 1]), names, names)
    with pytest.raises(ValueError, match="a video that is not there"):
        Embeddings((np.eye(4, dtype=np.float32),), (vectors,), np.arange(4), names, (*names, "d"))


def test_a_result_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    embeddings = made(1.0)
    result = evaluate_embeddings(embeddings, label="m", resamples=50, seed=4)
    scores = Scores.of(embeddings.texts, embeddings.videos)
    result = result.with_extra("DSL", "all queries", dsl(scores, embeddings.answers), resamples=50)
    result = result.with_about(model={"checkpoint": "m"}, **provenance())
    result.save(tmp_path / "result.json")
    again = Result.load(tmp_path)  # a folder stands for the file in it
    assert again.rows == result.rows and again.key == result.key
    assert again.about == json.loads(json.dumps(result.about))
    assert again.r1 == result.r1 == result.rows[0].outcomes["text_to_video"].metrics["r1"]
    for name, ranks in result.ranks.items():
        assert (again.ranks[name] == ranks).all()
    assert again.energy == pytest.approx(embeddings.energy, abs=1e-6)
    text = (tmp_path / "result.json").read_text()
    assert len(text.splitlines()) < 200, "every query's rank on a line of its own"
    said = json.loads(text)
    assert {"numpy", "torch", "python"} <= set(said["versions"])
    assert said["hardware"]["processors"] and said["code"]["fdaclip"]
    assert said["bootstrap"] == {"resamples": 50, "seed": 4}


def test_a_large_difference_is_real_and_none_is_not() -> None:
    good, bad, alike = (
        evaluate_embeddings(e, resamples=0) for e in (made(0.5), made(1.5), made(0.5))
    )
    told = compare(good, bad, names=("good", "bad"), resamples=2000)
    d = told.decisive
    assert told.real and d.p < 0.001 and 0 < d.low < d.difference < d.high
    assert told.verdict.startswith("The difference is real: good is better than bad.")
    assert f"{good.r1:.1f} for good and {bad.r1:.1f} for bad" in told.verdict
    assert compare(bad, good, names=("bad", "good"), resamples=2000).verdict.startswith(
        "The difference is real: good is better than bad."
    )
    none = compare(good, alike, resamples=500)
    assert not none.real and none.decisive.p == 1
    assert "they agree on every video" in none.verdict
    assert "one run of a side" in none.caution


def test_the_p_of_chance_differences_is_not_small() -> None:
    def noisy(seed: int) -> Result:
        base, other = made(1.2), made(1.2, seed=seed)
        texts = base.videos[0][base.owner] + other.texts[0] - other.videos[0][other.owner]
        parts = {n: getattr(base, n) for n in ("videos", "owner", "names", "captions", "energy")}
        return evaluate_embeddings(Embeddings((texts,), **parts), resamples=0)

    told = compare(noisy(1), noisy(2), resamples=1000)
    assert not told.real and "drown in chance" in told.verdict
    together = compare([noisy(1), noisy(3)], [noisy(2), noisy(4)], resamples=500)
    assert together.runs == (2, 2) and "given these 2 and 2 runs" in together.caution
    assert together.decisive.a == pytest.approx((noisy(1).r1 + noisy(3).r1) / 2)


def test_few_videos_that_differ_are_too_few() -> None:
    """Four of four in favour: chance does that one time in eight, counted from both sides."""
    one = evaluate_embeddings(made(0.1, each=1, videos=4), resamples=0)
    two = replace(one, ranks={name: ranks + 1 for name, ranks in one.ranks.items()})
    told = compare(one, two, resamples=2000)
    assert one.r1 == 100 and not told.real
    assert told.decisive.p == pytest.approx(0.125, abs=0.03)
    assert "they differ on 4 videos only, too few for any test" in told.verdict


def test_figures_by_motion_cover_every_query() -> None:
    good, bad = (evaluate_embeddings(e, resamples=0) for e in (made(0.5), made(1.5)))
    bins = compare(good, bad, resamples=100).by_motion
    assert sum(part.queries for part in bins) == 2 * VIDEOS
    assert all(one.high <= two.low for one, two in pairwise(bins))
    mean = sum(part.queries * part.a for part in bins) / (2 * VIDEOS)
    assert mean == pytest.approx(good.r1)


def test_results_on_other_queries_do_not_compare() -> None:
    one = evaluate_embeddings(made(0.5), resamples=0)
    two = evaluate_embeddings(made(0.5, videos=80), resamples=0)
    with pytest.raises(NotComparable, match="180 queries of 90 videos, and 160 queries of 80"):
        compare(one, two)

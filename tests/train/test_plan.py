"""Which clips and sentences make up which batch."""

from collections import Counter

import pytest

from fdaclip.train.plan import Plan, share


def test_an_epoch_over_videos_holds_each_once_and_every_sentence_has_its_turn() -> None:
    plan = Plan((3,) * 10, batch=5)
    assert plan.steps_an_epoch == 2
    seen: Counter[int] = Counter()
    said = set()
    for step in range(60):
        rows = plan.at(step)
        assert len({row.video for row in rows}) == 5
        assert {row.epoch for row in rows} == {step // 2}
        seen.update(row.video for row in rows)
        said.update((row.video, *row.sentences) for row in rows)
    assert set(seen.values()) == {30}
    assert len(said) == 30


def test_an_epoch_over_pairs_holds_each_pair_once() -> None:
    sentences = (1, 4, 2, 5)
    plan = Plan(sentences, batch=4, epoch="pairs", seed=3)
    assert plan.steps_an_epoch == 3
    rows = [(row.video, *row.sentences) for step in range(3) for row in plan.at(step)]
    assert sorted(rows) == [(v, s) for v, count in enumerate(sentences) for s in range(count)]


def test_several_sentences_of_a_clip_are_different_ones() -> None:
    plan = Plan((2, 6, 9), batch=3, each=4)
    for step in range(20):
        for row in plan.at(step):
            assert len(set(row.sentences)) == len(row.sentences) == min(4, (2, 6, 9)[row.video])


def test_a_step_is_a_function_of_the_seed_and_its_number() -> None:
    one, again, other = Plan((2,) * 9, 4, seed=1), Plan((2,) * 9, 4, seed=1), Plan((2,) * 9, 4)
    assert [one.at(s) for s in (5, 0, 3)] == [again.at(s) for s in (5, 0, 3)]
    assert [one.at(s) for s in range(4)] != [other.at(s) for s in range(4)]
    assert one.at(0) != one.at(one.steps_an_epoch)  # another order each epoch


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_processes_share_a_batch(processes: int) -> None:
    rows = Plan((1,) * 16, batch=8).at(0)
    parts = [share(rows, rank, processes) for rank in range(processes)]
    assert [row for part in parts for row in part] == rows
    assert {len(part) for part in parts} == {8 // processes}


def test_a_batch_is_no_larger_than_an_epoch() -> None:
    assert Plan((1,) * 3, batch=128).steps_an_epoch == 1
    assert len(Plan((1,) * 3, batch=128).at(7)) == 3

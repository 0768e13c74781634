"""Why it matched: the frames that were indexed, the score that was found, pictures that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_films import FakeEncoder, film

from fdaclip.library import Library, LibraryError
from fdaclip.library.examples import vector_of_clip
from fdaclip.model.preprocess import Preprocess
from fdaclip.serve.relevance_pictures import LAYERS, jpeg, lighted, pictures
from fdaclip.serve.why import Why, WhyFrame, explained, seen_of, short_side, why


@dataclass
class WhiteMover(FakeEncoder):
    """Leans towards its first axis by how much white it sees, more where the mask says it moves."""

    def encode_rgba(self, clips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        rows = np.zeros((len(clips), self.embedding_size), np.float32)
        for row, clip in zip(rows, clips, strict=True):
            white = clip[:, :3].min(1) > 240
            row[0] = min(1.0, 4 * (white * (clip[:, 3] / 255.0)).mean())
            row[1] = np.sqrt(1 - row[0] ** 2)
        return rows


UP = np.eye(1, 16, dtype=np.float32)[0]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "a.mp4", colour=1, seconds=2)


@pytest.fixture(scope="module")
def found(path: Path) -> Why:
    return explained(WhiteMover(), path, 0.0, 2.0, UP)


def test_the_score_is_that_of_the_moment(path: Path, found: Why) -> None:
    wanted = vector_of_clip(str(path), 0.0, 2.0, 8.0, WhiteMover()) @ UP
    assert found.score == pytest.approx(float(wanted), abs=1e-6)
    assert found.score_without_mask > found.score  # the film's square is not all in the mask
    assert found.method == "occlusion"


def test_relevance_lies_where_the_square_is(found: Why) -> None:
    assert len(found.frames) == 3 and all(f.kind == "moving" for f in found.frames)
    for frame in found.frames:
        left, top, right, bottom = frame.seen
        assert (left, top, right, bottom) == (40, 0, 280, 240)  # 64×48 px, shown at 320×240
        white = (frame.rgb.min(2) > 200).astype(np.float32)[top:bottom, left:right]
        places = cv2.resize(white, frame.relevance.shape[::-1], interpolation=cv2.INTER_AREA)
        if places.max() > 0.5:
            centre = np.array(np.unravel_index(frame.relevance.argmax(), places.shape))
            assert places[tuple(centre)] > 0.2
            assert frame.relevance[places == 0].max() < frame.relevance.max() / 2


def test_a_still_film_is_the_same_without_its_masks(tmp_path: Path) -> None:
    from fdaclip.video import write_video

    still = np.zeros((48, 64, 3), np.uint8)
    still[10:30, 20:40] = 255
    write_video(tmp_path / "still.mp4", [still] * 12, 12)
    told = explained(WhiteMover(), tmp_path / "still.mp4", 0.0, 1.0, UP)
    assert {f.kind for f in told.frames} == {"still"}
    assert told.score == told.score_without_mask
    for frame in told.frames:
        assert frame.mask.min() == 1
        np.testing.assert_array_equal(frame.relevance, frame.relevance_without_mask)


def test_fewer_frames_are_shown_than_the_model_sees(path: Path) -> None:
    told = explained(WhiteMover(), path, 0.0, 2.0, UP, frames=2)
    assert [round(f.time, 2) for f in told.frames] == [0.33, 1.67]
    assert told.score == explained(WhiteMover(), path, 0.0, 2.0, UP).score


def test_a_library_is_asked_by_sentence(tmp_path: Path, path: Path) -> None:
    library = Library(tmp_path / "l.fdaclip", FakeEncoder())
    library.add(path, processes=1)
    (hit,) = library.search("a square", 1)
    assert why(library, hit.path, *hit.best, "a square").score == pytest.approx(hit.score, abs=1e-6)
    with pytest.raises(LibraryError, match=r"^gone\.mp4 cannot be decoded"):
        why(library, tmp_path / "gone.mp4", 0.0, 1.0, "a square")


def test_gradients_are_taken_where_the_model_gives_them(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from fdaclip.model import FDACLIP

    torch.manual_seed(1)
    model = FDACLIP.small()
    query = np.eye(1, model.embedding_size, dtype=np.float32)[0]
    told = explained(model, path, 0.0, 2.0, query, frames=2)
    assert told.method == "gradients" and len(told.frames) == 2
    side = model.preprocess.size // model.tower.patch
    assert told.frames[0].relevance.shape == (side, side)


# --- pictures ------------------------------------------------------------------------------------


def one(relevance: NDArray[np.float32], mask: NDArray[np.float32]) -> WhyFrame:
    rgb = np.full((80, 120, 3), (90, 120, 200), np.uint8)
    return WhyFrame(0.0, "moving", rgb, mask, relevance, -relevance, (20, 0, 100, 80))


def test_what_counts_is_lit_and_the_rest_is_grey_and_dark() -> None:
    relevance = np.zeros((4, 4), np.float32)
    relevance[3, 0] = 1.0
    frame = one(relevance, np.ones((80, 120), np.float32))
    picture = lighted(frame.rgb, relevance, frame.seen, 1.0).astype(int)
    hot, plain, unseen = picture[72, 27], picture[10, 80], picture[40, 5]
    assert hot[0] > hot[2] + 20 and hot.sum() > plain.sum()  # warm
    assert np.ptp(plain) == 0 and np.ptp(unseen) == 0 and unseen[0] < plain[0]
    against = lighted(frame.rgb, -relevance, frame.seen, 1.0).astype(int)[72, 27]
    assert against[2] > against[0] + 20  # cold


def test_each_layer_is_a_picture_of_the_frames_size() -> None:
    mask = np.zeros((80, 120), np.float32)
    mask[20:60, 30:90] = 1
    told = Why([one(np.eye(4, dtype=np.float32), mask)], 0.3, 0.2, "occlusion")
    for layer in LAYERS:
        shown = cv2.imdecode(np.frombuffer(jpeg(told, 0, layer), np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (80, 120, 3)
    drawn = pictures(told.frames[0], told.scale)
    tint = np.abs(drawn["relevance"][20, 60].astype(int) - (255, 92, 48))
    assert tint.max() < 50  # the outline of what moves
    assert (drawn["frame"] == told.frames[0].rgb).all()
    with pytest.raises(IndexError):
        jpeg(told, 1, "frame")


def test_brightness_is_one_scale_for_all_frames_and_both_ways() -> None:
    weak, strong = np.full((4, 4), 0.1, np.float32), np.full((4, 4), 1.0, np.float32)
    mask = np.ones((80, 120), np.float32)
    told = Why([one(weak, mask), one(strong, mask)], 0.3, 0.2, "occlusion")
    first, second = (pictures(f, told.scale)["relevance"].mean() for f in told.frames)
    assert told.scale == pytest.approx(1.0) and second > 1.3 * first


@pytest.mark.parametrize(
    ("preprocess", "box"),
    [
        (Preprocess(224), (80, 0, 560, 480)),
        (Preprocess(224, short_side=256), (110, 30, 530, 450)),
        (Preprocess(224, square=True), (0, 0, 640, 480)),
    ],
)
def test_the_model_sees_what_it_crops(preprocess: Preprocess, box: tuple[int, ...]) -> None:
    assert seen_of(preprocess, 480, 640) == box


@pytest.mark.parametrize(
    ("size", "side"),
    [((64, 48), 240), ((640, 300), 300), ((1080, 1920), 360), ((16, 16000), 1), ((4000, 400), 144)],
)
def test_shown_frames_are_bounded_whatever_their_shape(size: tuple[int, int], side: int) -> None:
    assert short_side(*size, 240, 360) == side
    assert side * max(size) / min(size) <= 4 * 360

"""Frames at times are exactly those of a full sequential decode, in every container and coding."""

from pathlib import Path

import numpy as np
import pytest
from films import FILMS, Film, Truth, full_decode, make

from fdaclip.video import Video, Window, open_video, uniform_times

_made: dict[str, tuple[Path, Truth]] = {}


@pytest.fixture(params=FILMS, ids=lambda film: film.name)
def filmed(request: pytest.FixtureRequest, film_folder: Path) -> tuple[Film, Path, Truth]:
    film: Film = request.param
    if film.name not in _made:
        path = make(film, film_folder)
        _made[film.name] = (path, full_decode(path))
    return film, *_made[film.name]


def expect(video: Video, truth: Truth, asked: np.ndarray) -> None:
    found = video.frames_at(asked)
    assert found.lost == ()
    index = [truth.at(t) for t in asked]
    np.testing.assert_allclose(found.times, truth.times[index], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found.requested, asked)
    np.testing.assert_array_equal(found.rgb, truth.rgb[index])


def test_frames_of_one_opened_video(filmed: tuple[Film, Path, Truth]) -> None:
    """Many requests to one reader: forward, backward, repeated, outside."""
    film, path, truth = filmed
    rng = np.random.default_rng(len(film.name))
    end = truth.times[-1] + 0.5
    with open_video(path) as video:
        expect(video, truth, uniform_times(12, 0, video.duration))
        expect(video, truth, np.sort(rng.uniform(-0.2, end, 25)))
        expect(video, truth, rng.uniform(-0.2, end, 6))
        expect(video, truth, truth.times[rng.permutation(len(truth.times))[:20]])
        expect(video, truth, np.array([end, 0.0, end, 0.0]))
        for t in rng.uniform(0, end, 6):
            expect(video, truth, np.array([t]))


def test_a_first_request_far_into_the_video(filmed: tuple[Film, Path, Truth]) -> None:
    _, path, truth = filmed
    for t in (truth.times[-1] * 0.7, truth.times[-1], truth.times[-1] * 0.35):
        with open_video(path) as video:
            expect(video, truth, np.array([t]))


def test_partners(filmed: tuple[Film, Path, Truth]) -> None:
    _, path, truth = filmed
    with open_video(path, threads=1) as video:
        for delay in (1 / 6, 0.01, 0.5):
            for start, end in ((0.0, None), (truth.times[-1] / 2, truth.times[-1] + 0.01)):
                clip = video.clip(9, start=start, end=end, partner=delay)
                index = [truth.at(t) for t in uniform_times(9, start, clip.end)]
                partner = [truth.partner(i, delay) for i in index]
                np.testing.assert_allclose(clip.times, truth.times[index], atol=1e-9)
                np.testing.assert_allclose(clip.partner_times, truth.times[partner], atol=1e-9)
                np.testing.assert_array_equal(clip.rgb, truth.rgb[index])
                np.testing.assert_array_equal(clip.partners, truth.rgb[partner])
                if len(truth.times) > 1:
                    assert (clip.times != clip.partner_times).all()


def test_dense_reading(filmed: tuple[Film, Path, Truth]) -> None:
    _, path, truth = filmed
    with open_video(path) as video:
        for _ in range(2):
            times, pictures = zip(*video.iter_frames(), strict=True)
            np.testing.assert_allclose(times, truth.times, atol=1e-9)
            np.testing.assert_array_equal(np.stack(pictures), truth.rgb)
        start, end = truth.times[-1] * 0.4, truth.times[-1] * 0.8 + 1e-3
        part = [t for t, _ in video.iter_frames(start=start, end=end)]
        first, last = truth.at(start), truth.at(end - 2e-3)
        assert truth.times[first] == pytest.approx(part[0])
        assert part == sorted(part)
        assert truth.times[last] <= part[-1] + 1e-9 < end


def test_windows_in_one_pass(filmed: tuple[Film, Path, Truth]) -> None:
    _, path, truth = filmed
    end = truth.times[-1] + 0.02
    cut = [Window(end * i / 3, end * (i + 1) / 3) for i in range(3)]
    with open_video(path) as video:
        for clip, window in zip(video.clips(cut), cut, strict=True):
            index = [truth.at(t) for t in uniform_times(12, window.start, window.end)]
            np.testing.assert_array_equal(clip.rgb, truth.rgb[index])
            assert (clip.start, clip.end, clip.path) == (window.start, window.end, path)


def test_probe(filmed: tuple[Film, Path, Truth]) -> None:
    film, path, truth = filmed
    with open_video(path) as video:
        probe = video.probe
        duration = video.duration
    assert (probe.height, probe.width) == truth.rgb.shape[1:3]
    assert probe.frames in (None, film.count)
    assert film.flipped or probe.rotation == (film.rotation or 0) % 360
    if film.stamps and "uneven" in film.name and film.name.endswith("mp4"):
        assert probe.variable_rate
    elif not film.stamps and film.name.endswith(("mp4", "mov", "avi")) and "frag" not in film.name:
        assert not probe.variable_rate
    # The edit list of an MP4 file leaves out what lies before zero.
    assert len(truth.times) == film.count - (10 if film.name == "negative.mp4" else 0)
    if not film.stamps:
        assert probe.rate == pytest.approx(float(film.rate), rel=0.02)
        assert duration == pytest.approx(film.count / float(film.rate), abs=0.011)
    else:
        assert duration == pytest.approx(truth.times[-1], abs=0.3)


def test_frames_at_places_within_their_segments(filmed: tuple[Film, Path, Truth]) -> None:
    _, path, truth = filmed
    places = np.random.default_rng(1).random(5)
    with open_video(path, threads=1) as video:
        centred = video.clip(5, places=np.full(5, 0.5))
        np.testing.assert_array_equal(centred.rgb, video.clip(5).rgb)
        clip = video.clip(5, places=places)
        wanted = (np.arange(5) + places) * video.duration / 5
    index = [truth.at(t) for t in wanted]
    np.testing.assert_array_equal(clip.rgb, truth.rgb[index])
    np.testing.assert_array_equal(
        clip.partners, truth.rgb[[truth.partner(i, 1 / 6) for i in index]]
    )


def test_places_are_one_a_frame(film_folder: Path) -> None:
    with (
        open_video(make(FILMS[0], film_folder)) as video,
        pytest.raises(ValueError, match=r"places must be \[5\]"),
    ):
        video.clip(5, places=np.zeros(4))

"""Clips that play in any browser, frames, masks under settings, and reports."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from little_server import Little, made
from PIL import Image
from starlette.testclient import TestClient

from fdaclip.motion import MotionConfig
from fdaclip.serve import playable
from fdaclip.serve.guard import Refused
from fdaclip.serve.masks import settings
from fdaclip.serve.playable import transcode
from fdaclip.video import open_video, write_video

API = "/api/v1"


@pytest.fixture(scope="module")
def client(little: Little) -> TestClient:
    return little.client()


@pytest.fixture(scope="module")
def video(client: TestClient) -> str:
    found = client.get(f"{API}/videos", params={"state": "ok"}).json()["videos"]
    return str(found[0]["id"])


# --- clips ---------------------------------------------------------------------------------------


def test_a_clip_is_h264_of_the_stretch_and_comes_in_ranges(client: TestClient, video: str) -> None:
    address = f"{API}/videos/{video}/clip.mp4?start=0.5&end=1.5"
    whole = client.get(address)
    assert whole.status_code == 200 and whole.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(whole.content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert len(list(container.decode(stream))) == 12
    part = client.get(address, headers={"Range": "bytes=10-29"})
    assert part.status_code == 206 and part.content == whole.content[10:30]
    head = client.head(address)
    assert head.headers["content-length"] == str(len(whole.content)) and not head.content


def test_what_browsers_cannot_play_is_made_smaller_and_playable(tmp_path: Path) -> None:
    source, target = tmp_path / "old.avi", tmp_path / "new.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 1442, 1082, "yuv420p"
        for level in range(10):
            picture = np.full((1082, 1442, 3), 20 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    transcode(source, target, 0.0, 1.0)
    with open_video(target) as video:
        assert video.probe.codec == "h264"
        assert (video.probe.width, video.probe.height) == (960, 720)


@pytest.mark.parametrize("span", ["start=1&end=1", "start=0&end=61", "start=nan&end=1", "start=0"])
def test_a_stretch_has_bounds(client: TestClient, video: str, span: str) -> None:
    answer = client.get(f"{API}/videos/{video}/clip.mp4?{span}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_valid")


def test_it_ends_when_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [np.full((48, 64, 3), n, np.uint8) for n in range(60)]
    write_video(tmp_path / "a.mp4", pictures, 12)
    monkeypatch.setattr(playable, "TOTAL", 0.0)
    with pytest.raises(Refused, match="takes longer"):
        transcode(tmp_path / "a.mp4", tmp_path / "b.mp4", 0.0, 5.0)
    assert not (tmp_path / "b.mp4").exists()


def test_another_file_under_its_name_is_not_opened(tmp_path: Path) -> None:
    little = made(tmp_path)
    client = little.client()
    found = client.get(f"{API}/videos", params={"state": "ok"}).json()["videos"][0]
    path = Path(found["path"])
    path.unlink()
    os.symlink(little.secret, path)  # noqa: PTH211
    for address in ("clip.mp4?start=0&end=1", "frame.jpg?time=0"):
        answer = client.get(f"{API}/videos/{found['id']}/{address}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "changed")
    answer = client.post(f"{API}/masks", files={"video": (None, found["id"])})
    assert answer.status_code == 409
    moments = client.get(f"{API}/videos/{found['id']}/timeline").json()["moments"]
    answer = client.get(f"{API}/moments/{moments[0]['id']}/why?q=a")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "changed")


def test_clips_are_gone_with_the_server(little: Little, video: str) -> None:
    app = little.app()
    with TestClient(app, base_url="http://127.0.0.1:8000") as fresh:
        fresh.get(f"{API}/videos/{video}/clip.mp4?start=0&end=1")
        folder = Path(app.service.playable._folder.name)
        assert len(list(folder.iterdir())) == 1
    assert not folder.exists()


def test_a_frame_is_the_one_shown_then(client: TestClient, video: str) -> None:
    path = client.get(f"{API}/videos/{video}").json()["path"]
    answer = client.get(f"{API}/videos/{video}/frame.jpg?time=1.0&height=48")
    shown = np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)
    with open_video(path) as opened:
        assert np.abs(shown - opened.frames_at([1.0]).rgb[0]).mean() < 6


# --- masks ---------------------------------------------------------------------------------------


def form(**fields: Any) -> dict[str, Any]:
    return {name: (None, str(value)) for name, value in fields.items()}


def picture(address: str) -> Any:
    kind, data = address.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_masks_show_what_moves_under_the_settings(client: TestClient, video: str) -> None:
    told = client.post(f"{API}/masks", files=form(video=video, start=0, end=2, frames=3)).json()
    assert [f["kind"] for f in told["frames"]] == ["moving"] * 3
    for frame in told["frames"]:
        assert {picture(frame[name]).shape for name in ("frame", "mask", "difference")} == {
            (48, 64, 3)
        }
        white = picture(frame["alpha"]) > 127
        assert 0.02 < frame["share"] < 0.4 and abs(white.mean() - frame["share"]) < 0.05
    blind = client.post(f"{API}/masks", files=form(video=video, frames=3, min_share=0.55)).json()
    assert {f["kind"] for f in blind["frames"]} == {"still"}
    assert all(picture(f["alpha"]).min() > 250 for f in blind["frames"])  # all ones: no guidance


def test_an_upload_is_the_same_as_the_librarys_own(client: TestClient, video: str) -> None:
    path = Path(client.get(f"{API}/videos/{video}").json()["path"])
    own = client.post(f"{API}/masks", files=form(video=video, frames=2)).json()
    files = {**form(frames=2), "upload": ("film.mp4", path.read_bytes())}
    assert client.post(f"{API}/masks", files=files).json()["frames"] == own["frames"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"floor": 900}, "floor must be a number"),
        ({"camera": "maybe"}, "camera must be true or false"),
        ({"short_side": "1.5"}, ""),
        ({"source": "tea"}, "source must be"),
        ({"frames": 17}, "frames must be 1 to 16"),
        ({"start": "nan"}, "start must be"),
        ({"start": 100}, "ends at"),
    ],
)
def test_settings_out_of_range_are_told(
    client: TestClient, video: str, fields: dict[str, Any], says: str
) -> None:
    answer = client.post(f"{API}/masks", files=form(video=video, **fields))
    assert answer.status_code == 422 and says in answer.json()["error"]["message"]


def test_nothing_sent_and_no_video_are_told(client: TestClient) -> None:
    assert client.post(f"{API}/masks", files=form(frames=2)).status_code == 422
    files = {"upload": ("a.mp4", b"no film")}
    answer = client.post(f"{API}/masks", files=files)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "unusable")


def test_every_setting_has_a_control_with_values_it_takes(client: TestClient) -> None:
    listed = client.get(f"{API}/masks").json()
    default = MotionConfig()
    assert [one["name"] for one in listed] == list(vars(default))
    for one in listed:
        assert one["default"] == getattr(default, one["name"]) and one["help"]
        for value in (one["min"], one["max"], *one["choices"]):
            if value is not None:
                kind = type(getattr(default, one["name"]))
                MotionConfig(**{one["name"]: kind(value)})
    assert len(settings()) == len(listed)


# --- reports -------------------------------------------------------------------------------------


@pytest.fixture
def reporting(little: Little, tmp_path: Path) -> TestClient:
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / "a b.html").write_text("<title>Shapes &amp; more</title><script>alert(1)</script>")
    (folder / "words.txt").write_text("no report")
    (tmp_path / "secret.html").write_text("TOP SECRET")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    (folder / ".hidden.html").write_text("hidden")
    for name in ("shapes-mask", ".git", "deep/er"):
        (folder / name).mkdir(parents=True)
        (folder / name / "report.html").write_text(f"<title>{name}</title>")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "report.html").write_text("TOP SECRET")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    os.utime(folder / "a b.html", (1, 1))
    return little.client(reports=folder)


def test_reports_are_listed_and_may_do_nothing(reporting: TestClient, client: TestClient) -> None:
    evaluation, one = reporting.get(f"{API}/reports").json()
    assert evaluation["name"] == "shapes-mask/report.html"  # as `fdaclip eval` writes them
    assert reporting.get(evaluation["url"]).text == "<title>shapes-mask</title>"
    assert (one["name"], one["title"]) == ("a b.html", "Shapes & more")
    answer = reporting.get(one["url"])
    assert "alert" in answer.text and answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;") and "script-src" not in policy
    assert "default-src 'none'" in policy
    assert client.get(f"{API}/reports").json() == []


@pytest.mark.parametrize(
    "name",
    [
        "link.html",
        "..%2Fsecret.html",
        "%2e%2e/secret.html",
        ".hidden.html",
        "words.txt",
        "x.html",
        "linked/report.html",
        ".git/report.html",
        "deep/er/report.html",
        "shapes-mask%2f..%2f..%2fsecret.html",
    ],
)
def test_nothing_else_is_read(reporting: TestClient, name: str) -> None:
    answer = reporting.get(f"{API}/reports/{name}")
    assert answer.status_code in (404, 422) and "SECRET" not in answer.text

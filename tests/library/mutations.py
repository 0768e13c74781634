"""Ways to break a film; each is told by (seed, number) alone.

A mutation is a list of strokes, one to three, on the bytes of an excerpt, and sometimes a name that
lies. Strokes that know a container's structure change what its fields say (sizes, times, widths,
rates); the others change bytes wherever they are.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Rng = np.random.Generator

HEADER = 4096  # bytes
LARGEST = 1 << 20  # bytes of a mutated file
SUFFIXES = (".mp4", ".mkv", ".avi", ".ts", ".flv", ".mpg", ".gif", ".webm", ".mov", ".wmv", ".dv",
            ".h264", ".hevc", ".y4m", ".mxf", ".rm", ".ogv", ".m2v", ".vob", ".3gp")  # fmt: skip
WORDS = (0, 1, 2, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFFF, 0x1FFFFFFF, 0x7FFFFFFE, 0x7FFFFFFF,
         0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip
LONGS = (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, 1 << 48, (1 << 62) + 1, (1 << 63) - 1, 1 << 63,
         (1 << 64) - 1)  # fmt: skip
FLOATS = (float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e-300, 1e9, 1e18, 1e300)
LISTS = (
    b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/dev/zero\n#EXT-X-ENDLIST\n",
    b"ffconcat version 1.0\nfile other.mp4\n",
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 5004 RTP/AVP 96\n",
    b'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1/</BaseURL></Period></MPD>',
)


@dataclass(frozen=True)
class Mutation:
    """A broken film.

    Attributes:
        number: which. source: the excerpt's name. strokes: what was done to it, in order.
        name: of the file. content: its bytes.
    """

    number: int
    source: str
    strokes: tuple[str, ...]
    name: str
    content: bytes


def mutation(sources: Sequence[Path], seed: int, number: int) -> Mutation:
    """Number ``number`` of the mutations of these files; the sources take turns."""
    rng = np.random.default_rng([seed, number])
    source = sources[number % len(sources)]
    content = source.read_bytes()
    done = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))):
        names = list(STROKES)
        stroke = names[int(rng.integers(len(names)))]
        other = sources[int(rng.integers(len(sources)))]
        content = STROKES[stroke](content, other, rng)[:LARGEST]
        done.append(stroke)
    suffix = source.suffix
    if rng.random() < 0.1:
        suffix = SUFFIXES[int(rng.integers(len(SUFFIXES)))]
        if suffix != source.suffix:
            done.append(f"named {suffix}")
    return Mutation(number, source.name, tuple(done), f"{number:06d}{suffix}", content)


# --- anywhere -------------------------------------------------------------------------------------


def truncated(content: bytes, other: Path, rng: Rng) -> bytes:
    return content[: _place(len(content), rng)]


def beheaded(content: bytes, other: Path, rng: Rng) -> bytes:
    return content[_place(len(content), rng) :]


def bits_flipped(content: bytes, other: Path, rng: Rng) -> bytes:
    some = np.frombuffer(content, np.uint8).copy()
    if len(some):
        count = int(2 ** rng.uniform(0, 9))
        places = rng.integers(0, len(some), count)
        some[places] ^= (1 << rng.integers(0, 8, count)).astype(np.uint8)
    return some.tobytes()


def bits_of_the_header_flipped(content: bytes, other: Path, rng: Rng) -> bytes:
    return bits_flipped(content[:HEADER], other, rng) + content[HEADER:]


def block_zeroed(content: bytes, other: Path, rng: Rng) -> bytes:
    begin, end = _span(len(content), rng)
    return content[:begin] + bytes(end - begin) + content[end:]


def block_of_noise(content: bytes, other: Path, rng: Rng) -> bytes:
    begin, end = _span(len(content), rng)
    return content[:begin] + rng.bytes(end - begin) + content[end:]


def block_left_out(content: bytes, other: Path, rng: Rng) -> bytes:
    begin, end = _span(len(content), rng)
    return content[:begin] + content[end:]


def block_doubled(content: bytes, other: Path, rng: Rng) -> bytes:
    begin, end = _span(len(content), rng)
    return content[:end] + content[begin:end] * int(rng.integers(1, 4)) + content[end:]


def blocks_shuffled(content: bytes, other: Path, rng: Rng) -> bytes:
    size = int(rng.choice([16, 188, 512, 2048]))  # bytes; 188: a packet of a transport stream
    first = int(rng.integers(0, max(1, min(HEADER, len(content)))))
    blocks = [content[at : at + size] for at in range(first, len(content), size)]
    return content[:first] + b"".join(blocks[i] for i in rng.permutation(len(blocks)))


def spliced(content: bytes, other: Path, rng: Rng) -> bytes:
    tail = other.read_bytes()
    return content[: _place(len(content), rng)] + tail[_place(len(tail), rng) :]


def followed_by_another(content: bytes, other: Path, rng: Rng) -> bytes:
    return content + other.read_bytes()


def between_garbage(content: bytes, other: Path, rng: Rng) -> bytes:
    before, after = (rng.bytes(int(2 ** rng.uniform(0, 14))) for _ in range(2))
    return (before if rng.random() < 0.5 else b"") + content + after


# --- fields ---------------------------------------------------------------------------------------


def words_of_the_header_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, max(1, min(HEADER, len(content)))))
        content = _put(content, at, _number(rng))
    return content


def box_fields_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    """A word or a size in a box of MP4 or MOV."""
    boxes = [found.start() for found in re.finditer(BOXES, content)]
    for _ in range(int(rng.integers(1, 4)) if boxes else 0):
        at = boxes[int(rng.integers(len(boxes)))]
        if rng.random() < 0.2:
            content = _put(content, at - 4, struct.pack(">I", WORDS[int(rng.integers(len(WORDS)))]))
        else:
            content = _put(content, at + 4 * int(rng.integers(1, 24)), _number(rng))
    return content


BOXES = re.compile(
    rb"ftyp|moov|mvhd|trak|tkhd|edts|elst|mdia|mdhd|hdlr|minf|vmhd|dinf|dref|stbl|stsd|avc1|avcC|"
    rb"hvc1|hvcC|hev1|mp4v|esds|vp09|vpcC|av01|av1C|colr|pasp|stts|ctts|stss|stsc|stsz|stco|co64|"
    rb"mvex|trex|moof|mfhd|traf|tfhd|tfdt|trun|mfra|tfra|mdat|udta|meta|ilst|sgpd|sbgp|s263|d263"
)


def element_fields_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    """The size or the value of an element of Matroska."""
    elements = [found.end() for found in re.finditer(ELEMENTS, content[: 4 * HEADER])]
    for _ in range(int(rng.integers(1, 4)) if elements else 0):
        at = elements[int(rng.integers(len(elements)))]
        if rng.random() < 0.3:
            content = _put(
                content, at, rng.choice([b"\x01" + b"\xff" * 7, b"\xff", b"\x00", b"\x80"])
            )
        elif rng.random() < 0.5:
            content = _put(
                content, at + 1, struct.pack(">d", FLOATS[int(rng.integers(len(FLOATS)))])
            )
        else:
            content = _put(content, at + 1, _number(rng))
    return content


SIZES = (b"\x01" + b"\xff" * 7, b"\xff", b"\x00", b"\x80")
ELEMENTS = re.compile(
    rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x15\x49\xa9\x66|\x2a\xd7\xb1|\x44\x89|\x16\x54\xae\x6b|"
    rb"\xae|\xd7|\x83|\x86|\x63\xa2|\xe0|\xb0|\xba|\x54\xb0|\x54\xba|\x23\xe3\x83|\x1f\x43\xb6\x75|"
    rb"\xe7|\xa3|\xa0|\xa1|\x9b|\x1c\x53\xbb\x6b|\xbb|\xb3|\xb7|\xf1|\x11\x4d\x9b\x74|\x12\x54\xc3\x67"
)


def chunk_fields_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    """A word or a size in a chunk of AVI."""
    chunks = [found.start() for found in re.finditer(CHUNKS, content)]
    for _ in range(int(rng.integers(1, 4)) if chunks else 0):
        at = chunks[int(rng.integers(len(chunks)))] + 4 * int(rng.integers(1, 16))
        content = _put(content, at, struct.pack("<I", WORDS[int(rng.integers(len(WORDS)))]))
    return content


CHUNKS = re.compile(rb"RIFF|LIST|avih|strl|strh|strf|movi|idx1|indx|00dc|00db|01wb|JUNK|odml|dmlh")


def numbers_of_the_script_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    """Durations, widths and rates that FLV, ASF, RealMedia, Y4M and MPEG state early."""
    for _ in range(int(rng.integers(1, 4))):
        value = FLOATS[int(rng.integers(len(FLOATS)))]
        keys = re.finditer(rb"(duration|width|height|framerate|filesize)\x00", content[:HEADER])
        at = [found.end() for found in keys] or [int(rng.integers(0, max(1, len(content[:200]))))]
        content = _put(content, at[int(rng.integers(len(at)))], struct.pack(">d", value))
    return content


def times_changed(content: bytes, other: Path, rng: Rng) -> bytes:
    """Time stamps of a transport or program stream (PES packets), where there are any."""
    packets = [found.start() for found in re.finditer(rb"\x00\x00\x01\xe0", content)]
    for _ in range(int(rng.integers(1, 8)) if packets else 0):
        at = packets[int(rng.integers(len(packets)))] + 9
        content = _put(content, at, rng.bytes(5) if rng.random() < 0.5 else b"\x3f" + b"\xff" * 4)
    return content


def huge_pictures(content: bytes, other: Path, rng: Rng) -> bytes:
    """The size of the pictures where codings themselves state it: GIF, JPEG, VP8, MPEG, PNG."""
    large = int(rng.choice([16383, 16384, 32767, 65500, 65535]))
    wide = struct.pack("<H", large)
    if content.startswith(b"GIF8"):
        return _put(content, 6, wide * 2)
    high = struct.pack(">H", large)
    changed = re.sub(rb"\xff[\xc0-\xc2]\x00.\x08....",
                     lambda found: found[0][:5] + high * 2, content, flags=re.S)  # fmt: skip
    changed = re.sub(rb"\x9d\x01\x2a....", b"\x9d\x01\x2a\xff\x3f\xff\x3f", changed, flags=re.S)
    changed = re.sub(rb"\x00\x00\x01\xb3...", b"\x00\x00\x01\xb3\xff\xff\xff", changed, flags=re.S)
    changed = re.sub(rb"IHDR........", b"IHDR" + struct.pack(">I", large) * 2,
                     changed, flags=re.S)  # fmt: skip
    for name in (b"avc1", b"hvc1", b"hev1", b"mp4v", b"vp09", b"av01", b"rle ", b"png ", b"SVQ1"):
        at = changed.find(name)
        changed = _put(changed, at + 28, high * 2) if at > 0 else changed
    return re.sub(rb"W96 H64", f"W{large} H{large}".encode(), changed)


# --- shapes ---------------------------------------------------------------------------------------


def nested_boxes(content: bytes, other: Path, rng: Rng) -> bytes:
    """Boxes within boxes within boxes, before or after the film."""
    depth = int(2 ** rng.uniform(2, 15))
    kind = (b"moov", b"trak", b"mdia", b"udta", b"meta", b"moof")[int(rng.integers(6))]
    inner = b"".join(struct.pack(">I", 8 * (depth - i)) + kind for i in range(depth))
    at = 0 if rng.random() < 0.5 else len(content)
    if content[4:8] == b"ftyp":
        at = min(len(content), struct.unpack(">I", content[:4])[0])
    return content[:at] + inner + content[at:]


def nested_elements(content: bytes, other: Path, rng: Rng) -> bytes:
    """Elements of Matroska within each other."""
    depth = int(2 ** rng.uniform(2, 14))
    identity = (b"\xae", b"\xe0", b"\x18\x53\x80\x67", b"\x67\xc8", b"\xb6")[int(rng.integers(5))]
    inner = (identity + b"\x01" + b"\x00" * 5 + b"\xff\xff") * depth
    at = content.find(b"\x16\x54\xae\x6b")
    at = at if at > 0 else min(40, len(content))
    return content[:at] + inner + content[at:]


def many_tracks(content: bytes, other: Path, rng: Rng) -> bytes:
    """The first track over and over."""
    at = content.find(b"trak")
    if at < 4:
        return content * 2
    size = struct.unpack(">I", content[at - 4 : at])[0]
    track = content[at - 4 : at - 4 + min(size, 8000)]
    count = min(int(2 ** rng.uniform(2, 11)), (LARGEST - len(content)) // max(1, len(track)))
    return content[: at - 4] + track * max(1, count) + content[at - 4 :]


def list_of_files(content: bytes, other: Path, rng: Rng) -> bytes:
    """A text that names other files or addresses, as a film."""
    return LISTS[int(rng.integers(len(LISTS)))] + (content if rng.random() < 0.3 else b"")


Stroke = Callable[[bytes, Path, Rng], bytes]
STROKES: dict[str, Stroke] = {
    stroke.__name__.replace("_", " "): stroke
    for stroke in (
        truncated,
        beheaded,
        bits_flipped,
        bits_of_the_header_flipped,
        block_zeroed,
        block_of_noise,
        block_left_out,
        block_doubled,
        blocks_shuffled,
        spliced,
        followed_by_another,
        between_garbage,
        words_of_the_header_changed,
        box_fields_changed,
        element_fields_changed,
        chunk_fields_changed,
        numbers_of_the_script_changed,
        times_changed,
        huge_pictures,
        nested_boxes,
        nested_elements,
        many_tracks,
        list_of_files,
    )
}


def _place(length: int, rng: Rng) -> int:
    """Anywhere; as often near the beginning as anywhere else."""
    if rng.random() < 0.5:
        return int(rng.integers(0, length + 1))
    return min(length, int(2 ** rng.uniform(0, 13)))


def _span(length: int, rng: Rng) -> tuple[int, int]:
    begin = _place(length, rng)
    return begin, min(length, begin + int(2 ** rng.uniform(0, 13)))


def _number(rng: Rng) -> bytes:
    """Bytes of a number that breaks what did not expect it."""
    kind = rng.random()
    if kind < 0.5:
        return struct.pack(">I", WORDS[int(rng.integers(len(WORDS)))])
    if kind < 0.6:
        return struct.pack("<I", WORDS[int(rng.integers(len(WORDS)))])
    if kind < 0.75:
        return struct.pack(">Q", LONGS[int(rng.integers(len(LONGS)))])
    if kind < 0.85:
        return struct.pack(">d", FLOATS[int(rng.integers(len(FLOATS)))])
    return rng.bytes(int(rng.choice([1, 2, 4])))


def _put(content: bytes, at: int, value: bytes) -> bytes:
    """The same length, with the value at a place; beyond the end there is nothing to change."""
    if at < 0 or at >= len(content):
        return content
    value = bytes(value)[: len(content) - at]
    return content[:at] + value + content[at + len(value) :]

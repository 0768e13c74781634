"""FCPXML 1.10: the language of Final Cut Pro, which DaVinci Resolve and others read too.

Times are rational seconds. The sequence counts in frames of the rate that most of the files have;
where a part begins in its file is told in that file's own frames.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

from fdaclip.video import printable

from .excerpts import Excerpt
from .media import Media, frames_of, list_rate
from .timecode import drops, frame_at

VERSION = "1.10"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n\n'
CONFORMED = {
    Fraction(24000, 1001): "23.98",
    Fraction(30000, 1001): "29.97",
    Fraction(60000, 1001): "59.94",
}  # names of rates that are no whole numbers
UNDEFINED = "FFVideoFormatRateUndefined"  # Final Cut's name where frames have no rate it knows


def as_fcpxml(parts: Sequence[tuple[Excerpt, Media]], title: str) -> str:
    """The list as one project: the parts one after another."""
    rate = list_rate([media for _, media in parts])
    frame = 1 / rate
    root = Xml.Element("fcpxml", version=VERSION)
    resources = Xml.SubElement(root, "resources")
    formats: dict[tuple[Fraction | None, int, int], str] = {}
    sizes = Counter((media.width, media.height) for _, media in parts)
    width, height = sizes.most_common(1)[0][0]
    sequence_format = _format(resources, formats, rate, width, height)
    assets: dict[str, str] = {}
    for _, media in parts:
        if media.path not in assets:
            form = _format(resources, formats, media.rate, media.width, media.height)
            assets[media.path] = _asset(resources, f"a{len(assets) + 1}", form, media, rate)
    name = printable(title)
    event = Xml.SubElement(Xml.SubElement(root, "library"), "event", name=name)
    sequence = Xml.SubElement(
        Xml.SubElement(event, "project", name=name),
        "sequence",
        format=sequence_format,
        tcStart="0s",
        tcFormat="DF" if drops(rate) else "NDF",
        audioLayout="stereo",
        audioRate="48k",
    )
    spine = Xml.SubElement(sequence, "spine")
    at = 0
    for excerpt, media in parts:
        count = frames_of(excerpt, media, rate)[1]
        own = media.rate or rate
        first = frames_of(excerpt, media, own)[0]
        clip = Xml.SubElement(
            spine,
            "asset-clip",
            ref=assets[media.path],
            name=printable(os.path.basename(media.path)),  # noqa: PTH119
            offset=rational(at * frame),
            start=rational(_starts(media, own) + first / own),
            duration=rational(count * frame),
            tcFormat="DF" if drops(own) and media.drop is not False else "NDF",
        )
        note = _note(excerpt)
        if note:
            Xml.SubElement(clip, "note").text = note
        if media.rate != rate:
            # at its own speed, whatever its rate: not slowed or sped up to the sequence's
            given = {"srcFrameRate": conformed(media.rate)} if media.rate else {}
            Xml.SubElement(clip, "conform-rate", {"scaleEnabled": "0", **given})
        at += count
    sequence.set("duration", rational(at * frame))
    Xml.indent(root)
    return HEAD + Xml.tostring(root, encoding="unicode") + "\n"


def rational(seconds: Fraction) -> str:
    """``1001/30000s``, ``8s``."""
    if seconds.denominator == 1:
        return f"{seconds.numerator}s"
    return f"{seconds.numerator}/{seconds.denominator}s"


def conformed(rate: Fraction) -> str:
    """A rate as ``conform-rate`` names it."""
    return CONFORMED.get(rate) or str(rate)


def _format(
    resources: Xml.Element,
    formats: dict[tuple[Fraction | None, int, int], str],
    rate: Fraction | None,
    width: int,
    height: int,
) -> str:
    """The id of a format of this kind, made when it is first asked for."""
    kind = rate, width, height
    if kind not in formats:
        formats[kind] = f"r{len(formats) + 1}"
        timing = {"frameDuration": rational(1 / rate)} if rate else {"name": UNDEFINED}
        sides = {"width": str(width), "height": str(height)}
        Xml.SubElement(resources, "format", {"id": formats[kind], **timing, **sides})
    return formats[kind]


def _asset(resources: Xml.Element, name: str, format_id: str, media: Media, rate: Fraction) -> str:
    """A file; returns ``name``, its id."""
    own = media.rate or rate
    sound: dict[str, str] = {}
    if media.sounds:
        sound = {
            "hasAudio": "1",
            "audioSources": str(media.sounds),
            "audioChannels": str(media.channels),
            "audioRate": str(media.sound_rate),
        }
    video = {
        "id": name,
        "name": printable(os.path.basename(media.path)),  # noqa: PTH119
        "start": rational(_starts(media, own)),
        "duration": rational(Fraction(max(1, frame_at(media.duration, own))) / own),
        "hasVideo": "1",
        "videoSources": "1",
        "format": format_id,
    }
    asset = Xml.SubElement(resources, "asset", {**video, **sound})
    Xml.SubElement(asset, "media-rep", kind="original-media", src=Path(media.path).as_uri())
    return name


def _starts(media: Media, rate: Fraction) -> Fraction:
    """The file's first frame on its own timecode, on a whole frame."""
    return Fraction(round(media.starts * rate)) / rate


def _note(excerpt: Excerpt) -> str:
    """What a person would want to see of why it is here."""
    facts = [f"score {excerpt.facts['score']:.3f}"] if "score" in excerpt.facts else []
    if text := excerpt.facts.get("text"):
        facts.append(printable(str(text)))
    return "; ".join(facts)

"""A server under load: 50 clients at once, more than it takes, and an end in the middle of it.

    python benchmarks/serve.py [--model starter] [--moments 100000] [--clients 50] [--out FILE]

A library of made-up moments (topics around one common direction, as pictures' vectors lie) is
served by ``fdaclip serve`` in a process of its own, with a real text tower. The clients run in this
process, on the same processors: each holds one connection, asks by HTTP, waits for the whole answer
and asks the next thing at once. No sentence is asked twice, so each is encoded, ranked among all
moments, judged and told as JSON with 24 hits.

1. *load*: so many clients. Latency is from the first byte sent to the last one read.
2. *typing*: the same clients, each pausing between its questions as a person does who types.
3. *overload*: eight times as many clients; who gets 503 waits as long as Retry-After says, then
   asks again.
4. *recovery*: so many clients as at first, the moment after.
5. *drain*: SIGTERM while all clients wait for an answer; what was asked before must be answered.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from fdaclip.library import Library
from fdaclip.library.rows import Moment, Video
from fdaclip.library.stamp import SCHEMA, Stamp, write_stamp
from fdaclip.library.store import Store
from fdaclip.model import Encoder, load_encoder
from machine import machine

WINDOWS, SPAN = 10, 8.0  # moments a video; s each
OVER = 8  # times as many clients in the overload
PAUSE = 1.0  # s, mean pause of one who types
FEW = 2000  # moments committed at a time, in videos
Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description="a server under load")
    parser.add_argument("--model", default="starter", help="name or folder; its text tower is used")
    parser.add_argument("--moments", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each phase")
    parser.add_argument("--library", type=Path, help="keep the library here, for another run")
    parser.add_argument("--out", type=Path, default=Path("build/bench/serve.json"))
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="fdaclip-serve-"))
    try:
        folder = options.library or place / "made.fdaclip"
        if not folder.exists():
            make_library(folder, options.model, options.moments)
        (folder / "search" / "queries.db").unlink(missing_ok=True)  # no sentence was asked before
        found = {
            "machine": machine(),
            "model": options.model,
            "moments": options.moments,
            **measure(folder, options.clients, options.seconds),
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")


# --- the library ----------------------------------------------------------------------------------


def make_library(folder: Path, model: str, count: int) -> None:
    """A library of made-up moments whose sentences this model encodes."""
    encoder = load_encoder(model)
    folder.mkdir(parents=True)
    store = Store.create(folder, encoder.embedding_size)
    rng = np.random.default_rng(0)
    vectors = moments_near(encoder, count, rng)
    for first in range(0, count, FEW * WINDOWS):
        takes: dict[int, list[Moment]] = {}
        for row in range(first, min(first + FEW * WINDOWS, count)):
            start = SPAN * (row % WINDOWS)
            moment = Moment(start, start + SPAN, vectors[row], 0.1, 0.1, 1.0)
            takes.setdefault(row // WINDOWS + 1, []).append(moment)
        rows = [
            Video(
                f"/films/{take % 100:02d}/{take:06d}.mp4", 1, 1, str(take), take, "ok", "",
                duration=SPAN * WINDOWS, moments=len(some),
            )
            for take, some in takes.items()
        ]  # fmt: skip
        store.commit(takes, rows)
    settings = asdict(encoder.sampling), asdict(encoder.motion)
    stamp = Stamp(SCHEMA, encoder.fingerprint, encoder.embedding_size, model, *settings, SPAN, "")
    write_stamp(folder, stamp)
    library = Library(folder, encoder)
    library.remove(next(iter(takes)) and "/films/01/000001.mp4")  # a writer prepares the search
    library.search(next(sentences(1)))


def moments_near(encoder: Encoder, count: int, rng: np.random.Generator) -> Floats:
    """Moments that lie about some sentences, as much apart from them as they do, [M,E]."""
    topics = encoder.encode_texts(list(itertools.islice(sentences(2), 300)))
    spread = rng.standard_normal((count, topics.shape[1]), np.float32) / topics.shape[1] ** 0.5
    near = topics[rng.integers(0, len(topics), count)] + 1.5 * spread
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


WHO = "a man,a woman,two children,a dog,a cat,an old couple,a crowd,a red car,a horse,a cyclist"
DOES = "walks along,runs across,waits beside,dances on,jumps over,rests near,turns away from"
WHERE = "the beach,a busy street,a bridge,the edge of a forest,a field of snow,a market,a lake"
WHEN = "at sunset,in heavy rain,on a clear morning,by night,in the fog,in late autumn"


def sentences(seed: int) -> Iterator[str]:
    """Endlessly, no one twice."""
    rng = random.Random(seed)
    parts = [some.split(",") for some in (WHO, DOES, WHERE, WHEN)]
    for number in itertools.count():
        words = " ".join(rng.choice(some) for some in parts)
        yield f"{words}, take {number + 10_000 * seed}"


# --- the clients ----------------------------------------------------------------------------------


@dataclass
class Seen:
    """What clients were answered.

    Attributes:
        seconds: of each answer with hits. statuses: how often each came; 0 for none that was whole.
        without_retry: answers 503 that did not say when to come back.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    without_retry: int = 0
    refused: int = 0  # connections, after the server said that it ends

    def told(self, elapsed: float) -> dict[str, Any]:
        p50, p95, p99 = np.percentile(self.seconds or [0.0], [50, 95, 99])
        return {
            "answers_per_s": round(len(self.seconds) / elapsed, 1),
            "p50_ms": round(1e3 * p50, 1),
            "p95_ms": round(1e3 * p95, 1),
            "p99_ms": round(1e3 * p99, 1),
            "most_ms": round(1e3 * max(self.seconds, default=0.0), 1),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "503_without_retry_after": self.without_retry,
        }


class Connection:
    """One client's, kept alive."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pipe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.waiting = False

    async def ask(self, sentence: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body.

        Raises:
            OSError, asyncio.IncompleteReadError: no whole answer came.
        """
        if self._pipe is None:
            self._pipe = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._pipe
        path = f"/api/v1/search?q={quote(sentence)}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        self.waiting = True
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (s.partition(": ") for s in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            self.close()
            raise
        finally:
            self.waiting = False
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), headers, body

    def close(self) -> None:
        if self._pipe is not None:
            self._pipe[1].close()
            self._pipe = None


async def client(
    connection: Connection, asked: Iterator[str], seen: Seen, until: float, pause: float = 0.0
) -> None:
    """Asks one thing after another."""
    rng = random.Random(id(connection))
    if pause:
        await asyncio.sleep(rng.uniform(0, pause))
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            status, headers, body = await connection.ask(next(asked))
        except (OSError, asyncio.IncompleteReadError):
            seen.statuses[0] += 1
            await asyncio.sleep(0.1)
            continue
        seen.statuses[status] += 1
        if status == 200:
            seen.seconds.append(time.perf_counter() - began)
            assert json.loads(body)["hits"] if len(seen.seconds) % 50 == 0 else True
        elif status == 503:
            seen.without_retry += "retry-after" not in headers
            await asyncio.sleep(float(headers.get("retry-after", 1)))
        if pause:
            await asyncio.sleep(rng.expovariate(1 / pause))
    connection.close()


async def phase(
    port: int, clients: int, seconds: float, asked: Iterator[str], pause: float = 0.0
) -> dict[str, Any]:
    """So many clients for so long."""
    seen, began = Seen(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            one = client(Connection(port), asked, seen, began + seconds, pause)
            group.create_task(one)
    return {"clients": clients, **seen.told(time.perf_counter() - began)}


async def drain(server: subprocess.Popen[str], port: int, clients: int) -> dict[str, Any]:
    """The server is told to end while all clients wait."""
    asked = sentences(9)
    connections = [Connection(port) for _ in range(clients)]
    answers = [asyncio.create_task(one.ask(next(asked))) for one in connections]
    while not all(one.waiting for one in connections):
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)  # the bytes are there
    began = time.perf_counter()
    server.send_signal(signal.SIGTERM)
    found = await asyncio.gather(*answers, return_exceptions=True)
    answered = time.perf_counter() - began
    code = await asyncio.to_thread(server.wait, 60)
    whole = Counter(str(one[0]) if isinstance(one, tuple) else type(one).__name__ for one in found)
    return {
        "waiting": clients,
        "answered": dict(whole),
        "last_answer_s": round(answered, 2),
        "ended_s": round(time.perf_counter() - began, 2),
        "exit_code": code,
    }


# --- the measurement ------------------------------------------------------------------------------


def measure(folder: Path, clients: int, seconds: float) -> dict[str, Any]:
    server, port = start(folder)
    try:
        return asyncio.run(phases(server, port, clients, seconds))
    finally:
        server.kill()
        server.wait()


async def phases(
    server: subprocess.Popen[str], port: int, clients: int, seconds: float
) -> dict[str, Any]:
    asked, found = sentences(3), dict[str, Any]()
    spent = [0.0, 0.0]  # s of processor time until the phase that runs

    def tell(name: str, figures: dict[str, Any]) -> None:
        answers = sum(figures["statuses"].values())
        figures["server_cpu_ms_per_answer"] = round(1e3 * (cpu(server.pid) - spent[0]) / answers, 2)
        figures["client_cpu_ms_per_answer"] = round(
            1e3 * (time.process_time() - spent[1]) / answers, 2
        )
        figures["server_memory_mb"] = resident(server.pid)
        spent[:] = cpu(server.pid), time.process_time()
        found[name] = figures
        print(f"{name:9} {json.dumps(figures)}", flush=True)

    await phase(port, 4, 3.0, asked)  # to warm up
    spent[:] = cpu(server.pid), time.process_time()
    tell("load", await phase(port, clients, seconds, asked))
    tell("typing", await phase(port, clients, seconds, asked, PAUSE))
    tell("overload", await phase(port, OVER * clients, seconds, asked))
    tell("recovery", await phase(port, clients, seconds / 3, asked))
    found["drain"] = await drain(server, port, clients)
    print(f"{'drain':9} {json.dumps(found['drain'])}", flush=True)
    return found


def start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A server on a free port, that answers."""
    command = [sys.executable, "-m", "fdaclip", "serve", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    assert server.stdout is not None
    address = re.match(r"http://[^:]+:(\d+)/", server.stdout.readline())
    assert address is not None, "the server did not start"
    return server, int(address[1])


def cpu(process: int) -> float:
    """s of processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process: int) -> int | None:
    """MB of memory of a process."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith("VmRSS"))
        return round(int(line.split()[1]) / 1000)
    return None


if __name__ == "__main__":
    main()

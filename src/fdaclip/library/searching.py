"""A library that can be asked.

Shapes: V videos, E embedding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from fdaclip.model.lanes import one_thread, processors, single_thread

from . import calibration, derived
from .ask import Ask, Question, understood
from .asking import Asker, own_spans, videos_by_fit, with_whereabouts
from .calibration import Chance, word
from .errors import LibraryError
from .filters import Filters
from .findable import findable
from .hits import Hit, Match, Page, VideoHit
from .opened import OpenLibrary
from .paging import to_token
from .place import Remote, derived_folder
from .queries import Queries
from .query import Query
from .results import Judge, Source, first_look, hits_of
from .search import Ahead, Index, Unsound, View
from .stamp import settings_of
from .tables import quiet_for, tables_state
from .texts import DEPTH, with_text

if TYPE_CHECKING:
    from fdaclip.model import Encoder

Floats = NDArray[np.float32]
Given = ParamSpec("Given")
Made = TypeVar("Made")

TOGETHER = 100  # hits; a question for more is answered alone
SETTLED = 2.0  # s without a commit after which a reader writes the vector file, if it must


class SearchableLibrary(OpenLibrary):
    """Asking a library; see `Library`."""

    def __init__(
        self,
        path: str | os.PathLike[str] | Remote,
        encoder: Encoder | None = None,
        *,
        model: str = "",
        window: float | None = None,
        shots: bool | None = None,
    ) -> None:
        super().__init__(path, encoder, model=model, window=window, shots=shots)
        self._index: Index | None = None
        self._contents: derived.Contents | None = None
        self._text_encoder: Encoder | None = None
        self._chance: Chance | None = None
        self._queries = Queries(derived_folder(self.folder))

    def _let_go(self) -> None:
        super()._let_go()
        self._index = self._contents = self._text_encoder = None

    def search(
        self,
        query: str | Query,
        limit: int = 10,
        *,
        exact: bool = False,
        filters: Filters | None = None,
        by_video: bool = False,
        merge: bool = True,
        fold: bool = True,
        text: bool = True,
    ) -> list[Hit]:
        """The ``limit`` moments that fit a sentence, or another query, best; best first.

        Every moment of every file that is present is compared, unless there are very many and the
        search is prepared for that: then those that are likely to be among the best; ``status``
        tells the recall that was measured. Works while another process adds to the library.

        Args:
            exact: compare all, however many there are.
            filters: what moments and their files must be.
            by_video: one hit a video, with its other moments.
            merge: neighbouring windows that fit nearly as well become one moment.
            fold: moments of other contents that look the same are shown with the best of them.
            text: what captions, subtitles and names say counts as well; see docs/text.md.

        Raises:
            BadQuery: nothing is asked for, or its parts cancel each other out.
            UnusableExample: a picture or clip that is asked with cannot be read.
            LibraryError: the model is needed and not at hand.
        """
        page = self.search_page(
            query,
            limit,
            exact=exact,
            filters=filters,
            by_video=by_video,
            merge=merge,
            fold=fold,
            text=text,
        )
        return list(page.hits)

    def search_page(
        self,
        query: str | Query,
        limit: int = 10,
        *,
        after: str | None = None,
        exact: bool = False,
        filters: Filters | None = None,
        by_video: bool = False,
        merge: bool = True,
        fold: bool = True,
        text: bool = True,
    ) -> Page:
        """As `search`, page by page, and with what the whole page is worth.

        While the library does not change, pages joined are the one long list. What is added
        meanwhile is shown if its place comes later; what was shown by itself is not shown again.

        Args:
            after: the ``next`` of the page before, asked for with the same query and options. All
                moments are compared then.

        Raises:
            BadToken: ``after`` is no such thing. Else as `search`.
        """
        ask = Ask(query, limit, after, exact, filters, by_video, merge, fold, text)
        (found,) = self.search_many([ask])
        if isinstance(found, LibraryError):
            raise found
        return found

    def search_many(self, asks: Sequence[Ask]) -> list[Page | LibraryError]:
        """As `search_page` answers each of them, in less time than one by one.

        New sentences share passes of the model, which changes a vector's last bits; moments are
        compared with all queries at once, with the very scores that each would get alone.

        Returns:
            In their order, what each is answered, or what `search_page` would have raised for it.

        Raises:
            LibraryError: of the library itself; nothing could be answered.
        """
        read = [_or_error(understood, ask) for ask in asks]
        if not any(isinstance(one, Question) for one in read):
            return [one for one in read if isinstance(one, LibraryError)]
        try:
            return self._answers(read, self._current())
        except Unsound:
            derived.forget(self.folder)
            index = self._use(derived.gather(self._open(), self.folder))
            return self._answers(read, index)

    def _answers(
        self, read: Sequence[Question | LibraryError], index: Index
    ) -> list[Page | LibraryError]:
        questions = [one for one in read if isinstance(one, Question)]
        asker = self._knowing(questions)
        vectors = [
            _or_error(asker.vector, one.query, index) if isinstance(one, Question) else one
            for one in read
        ]
        ahead = _ranked_ahead(read, vectors, index)
        answers: list[Page | LibraryError] = []
        for question, vector, ranked in zip(read, vectors, ahead, strict=True):
            if isinstance(question, LibraryError):
                answers.append(question)
            elif isinstance(vector, LibraryError):
                answers.append(vector)
            else:
                answers.append(_or_error(self._page, question, vector, ranked, index, asker))
        return answers

    def _knowing(self, questions: Sequence[Question]) -> Asker:
        """An asker that has the vectors of all their sentences."""
        parts = [part for question in questions for part in question.query.parts]
        known: dict[str, Floats] = {}
        with suppress(LibraryError):  # it is told to those who need it, later
            known = self._learn_sentences([p.text for p in parts if p.kind == "sentence"])

        def of_sentence(sentence: str) -> Floats:
            return known[sentence] if sentence in known else self._vector(sentence)

        return replace(self._asker, of_sentence=of_sentence)

    def _page(
        self, asked: Question, vector: Floats, ahead: Ahead, index: Index, asker: Asker
    ) -> Page:
        query = asked.query
        judge = self._judge(query, index, asker)
        source: Source = View(index, index.narrowed(asked.filters), asked.exact, ahead)
        if asked.text and query.sentences is not None:
            words = " ".join(part.text for part in query.sentences.parts)
            names, worded = index.names, index.has_words
            source = with_text(source, words, index.files, names, worded, self._open)
        hits, end = hits_of(
            source,
            vector,
            asked.limit,
            asked.shape,
            after=asked.begin,
            left_out=own_spans(query, index),
            judge=judge,
        )
        hits = [with_whereabouts(hit, index.files_of(hit.take)) for hit in hits]
        known = bool(hits) and hits[0].confidence is not None
        nothing = all(hit.match == "weak" and not hit.text for hit in hits) if known else None
        return Page(tuple(hits), None if end is None else to_token(end, asked.name), nothing)

    def videos_like(
        self,
        query: str | os.PathLike[str] | Query,
        limit: int = 10,
        *,
        filters: Filters | None = None,
    ) -> list[VideoHit]:
        """The ``limit`` videos that are as a whole most like a video, best first.

        Args:
            query: a video file, in the library or not; or any query. A video of the library is not
                among its own results.
            filters: what the files must be; what they ask of moments is passed over.

        Raises:
            As `search`.
        """
        asked = (query if isinstance(query, Query) else Query.clip(query)).checked()
        index = self._current()
        own = [take for take, _, _ in own_spans(asked, index)]
        narrowed = index.narrowed(replace(filters or Filters(), motion=None, share=(0.0, 1.0)))
        return videos_by_fit(self._asker.vector(asked, index), index, narrowed, limit, own)

    def video_vectors(self) -> tuple[list[str], NDArray[np.float32]]:
        """A path of each content that can be found, and its vector: float32 [V,E], unit length.

        The vector is the mean of the moments' vectors by duration. Derived, never stored.
        """
        index = self._current()
        takes, vectors = index.video_vectors
        return [index.paths(take)[0] for take in takes.tolist()], vectors

    def query_vector(self, query: str | Query) -> NDArray[np.float32]:
        """What a query is compared with moments by: float32 [E], unit length.

        Raises:
            As `search`.
        """
        asked = (query if isinstance(query, Query) else Query.sentence(query)).checked()
        return self._asker.vector(asked, self._current())

    def fits(self, query: str | Query, take: int) -> list[tuple[float, Match]]:
        """How well each moment of a content fits a query: cosine, and what that is worth in a word.

        In order of time, as ``moments_of``.

        Raises:
            As `search`.
        """
        asked = (query if isinstance(query, Query) else Query.sentence(query)).checked()
        index = self._current()
        vectors = index.windows(take).vectors
        scores = np.vecdot(vectors, self._asker.vector(asked, index)).tolist()
        judge = self._judge(asked, index, self._asker)
        words: list[Match] = [match for _, match in judge(vectors)] if judge else [""] * len(scores)
        return list(zip(scores, words, strict=True))

    def thumbnail(self, hit: Hit) -> bytes | None:
        """JPEG of the most telling frame of a hit's best window; None if it has none.

        Its short side is 160 px, or that of the frames the model was shown, if that is less.
        """
        start = hit.best[0] if hit.best[0] < hit.best[1] else hit.start
        return self._open().thumbnail(hit.take, float(start))

    @property
    def _asker(self) -> Asker:
        return Asker(self._vector, self.encoder, self.stamp.window)

    def _judge(self, asked: Query, index: Index, asker: Asker) -> Judge | None:
        """Says what hits are worth; None if no sentence is wanted."""
        wanted = asked.sentences
        if wanted is None:
            return None

        sentence = asker.vector(wanted, index)
        chance = self._chance_of(index)

        def judge(vectors: NDArray[np.float32]) -> list[tuple[float | None, Match]]:
            if chance is None:
                return [(None, "")] * len(vectors)
            return [(sure, word(sure)) for sure in chance.confidence(sentence, vectors).tolist()]

        return judge

    def _chance_of(self, index: Index) -> Chance | None:
        """What sentences find by chance; learnt if that is not known of the tables as they stand.

        None if it is not known and no model is loaded that could encode the bank.
        """
        loaded = self._encoder or self._text_encoder
        digest = calibration.digest_of(self.stamp.fingerprint)
        tables = self._contents.tables if self._contents else None
        place = derived_folder(self.folder)
        chance = self._chance
        if chance is None or not chance.holds(tables, len(index)):
            chance = calibration.read(place, digest) or chance
        if len(index) == 0 or (chance and chance.holds(tables, len(index))):
            self._chance = chance
            return chance
        if chance:
            vectors = chance.bank
        elif loaded:
            with one_thread():
                vectors = calibration.encoded(loaded.encode_together)
        else:
            return None
        self._chance = calibration.learnt(index, digest, vectors, tables or "")
        calibration.write(place, self._chance)
        return self._chance

    def _vector(self, sentence: str) -> NDArray[np.float32]:
        """Of a sentence, float32 [E]; only one that was not asked before needs the model."""
        return self._learn_sentences([sentence])[sentence]

    def _learn_sentences(self, sentences: Sequence[str]) -> dict[str, Floats]:
        """Their vectors float32 [E]; those that are new are encoded, and kept.

        One is encoded alone, on one thread; several share passes, one for each processor, and their
        vectors differ from those in rounding only.
        """
        loaded = self._encoder or self._text_encoder
        fingerprint = loaded.fingerprint if loaded else self.stamp.fingerprint
        found = self._queries.known(fingerprint, sentences, self.stamp.embedding_size)
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in found]
        if not new:
            return found
        encoder = loaded or self._load_for_text()

        if len(new) == 1:
            with one_thread():
                made = dict(zip(new, encoder.encode_texts(new), strict=True))
        else:
            lanes = min(len(new) // 2, processors())
            by_length = sorted(new, key=len)
            shares = [by_length[lane::lanes] for lane in range(lanes)]
            with ThreadPoolExecutor(lanes, initializer=single_thread) as pool:
                rows = pool.map(encoder.encode_together, shares)
                made = {
                    sentence: vector
                    for share, vectors in zip(shares, rows, strict=True)
                    for sentence, vector in zip(share, vectors, strict=True)
                }
        self._queries.put_all(fingerprint, made)
        return found | made

    def _load_for_text(self) -> Encoder:
        """An export of the library's model if one is cached, which needs no torch; else the model.

        Raises:
            LibraryError: the model is not at hand.
        """
        from fdaclip.model.runtimes.folder import exported_for, is_export

        export = exported_for(self.stamp.fingerprint)
        if export is not None:
            from fdaclip.model import ModelError, load_encoder

            with suppress(ModelError):  # damaged, or its runtime is: the model itself will do
                encoder = load_encoder(export, **settings_of(self.stamp))
                self._check(encoder, self.stamp)
                self._text_encoder = encoder
        # nothing is exported, and no machine measured, for one sentence
        runtime: Literal["auto", "torch"] = "auto" if is_export(self.stamp.model) else "torch"
        if self._text_encoder is None:
            self._text_encoder = self._load(runtime)
        return self._text_encoder

    # --- its moments as they stand ---------------------------------------------------------------

    def _current(self) -> Index:
        """The moments as the tables stand, from the vector file if it is of that state."""
        self._notice_a_swap()
        tables = tables_state(self.folder)
        if self._index and self._contents and tables and self._contents.tables == tables:
            return self._index
        if isinstance(self.folder, Remote) and (far := self._from_afar(self.folder, tables)):
            return far
        contents = derived.read(self.folder)
        if contents is None or tables is None or contents.tables != tables:
            if quiet_for(self.folder) > SETTLED:
                contents = derived.renew(self._open(), self.folder, contents, group_many=False)
            else:
                contents = derived.gather(self._open(), self.folder, self._contents or contents)
        return self._use(contents)

    def _from_afar(self, place: Remote, tables: str | None) -> Index | None:
        """The moments of a library so large that their vectors stay in object storage."""
        if not self._far:
            return None
        from .remote_index import fetch_chance, opened

        store = self._open()
        index = opened(store, place, findable(store.videos()))
        if index is not None:
            fetch_chance(place)
            self._index = index
            self._contents = derived.Contents(tables, index.files, (), index.centre)
        return index

    @property
    def _far(self) -> bool:
        """Are there so many moments in object storage that their vectors stay there?"""
        from .remote_index import FROM

        return isinstance(self.folder, Remote) and self._open().count >= FROM

    def _use(self, contents: derived.Contents) -> Index:
        self._contents = contents
        self._index = Index(contents.files, contents.parts, contents.centre)
        return self._index

    def _prepare_search(self, added: int = 0) -> None:
        """Make the vector file anew if the tables are no longer what it was made from.

        Args:
            added: moments that came.
        """
        if isinstance(self.folder, Remote) and self._far:
            from .remote_index import share_chance, tend

            tend(self._open(), self.folder, added)
            self._chance_of(self._current())
            share_chance(self.folder)
            return
        contents = derived.read(self.folder)
        if contents is None or contents.tables != tables_state(self.folder) or contents.ungrouped:
            derived.renew(self._open(), self.folder, contents, group_many=True)
        chance = self._chance
        if chance is None or chance.tables != tables_state(self.folder):
            self._chance_of(self._current())

    def _recall(self, contents: derived.Contents | None) -> float | None:
        """Of an approximate search, as measured; None if all moments are compared."""
        if isinstance(self.folder, Remote) and self._far:
            from .remote_index import read

            tuning = read(self.folder)
            return tuning.recall if tuning else None
        return contents.recall if contents else None


def _ranked_ahead(
    read: Sequence[Question | LibraryError], vectors: Sequence[Floats | LibraryError], index: Index
) -> list[Ahead]:
    """What each question's first look at the moments finds, where many can share one comparison.

    Nothing for one alone, and where a search looks only at what is likely: that is fast by itself.
    """
    ahead = [Ahead()] * len(read)
    together = [
        (number, question, vector)
        for number, (question, vector) in enumerate(zip(read, vectors, strict=True))
        if isinstance(question, Question)
        and not isinstance(vector, LibraryError)
        and 0 < question.limit <= TOGETHER
        and index.compares_all
    ]
    if len(together) < 2:
        return ahead
    limit = max(
        max(first_look(question.limit, question.shape), DEPTH if question.text else 0)
        for _, question, _ in together
    )
    ranked = index.ranked_many(
        np.stack([vector for _, _, vector in together]),
        limit,
        [index.narrowed(question.filters) for _, question, _ in together],
    )
    for (number, _, _), best in zip(together, ranked, strict=True):
        ahead[number] = Ahead(limit, best)
    return ahead


def _or_error(
    do: Callable[Given, Made], *args: Given.args, **named: Given.kwargs
) -> Made | LibraryError:
    """What it gives, or what is wrong with the question."""
    try:
        return do(*args, **named)
    except LibraryError as error:
        return error

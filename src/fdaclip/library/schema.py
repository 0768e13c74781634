"""A library of an older schema is brought up to date where it lies, by whoever first writes to it.

Schema 2 added columns to both tables, the table of texts, and a field to the stamp. Columns come
first, each table's in commits of its own, then the new table, and the stamp last: killed anywhere,
the library is still one of schema 1, and the next writer does what is left. Readers need none of
it: what is not there they take to be as the defaults here say.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from fdaclip.logs import Log

from .errors import told_clearly
from .place import Place, connected, discard
from .stamp import SCHEMA, Stamp, write_stamp
from .store import TEXTS, VIDEOS, moments_schema

log = Log(__name__)

# what a column holds in rows that were written before it was there, in SQL
DEFAULTS = {
    "audio": "false",
    "captured": "cast(0 as double)",
    "mount": "''",
    "words": "cast(0 as bigint)",
    "sidecars": "''",
    "shot": "cast(0 as int)",
    "thumb_time": "cast('NaN' as double)",
}


def migrate(folder: Place, stamp: Stamp) -> Stamp:
    """Bring the library in ``folder`` to the schema of this version; for a writer, under its lock.

    Returns:
        The stamp as it is then.

    Raises:
        CannotWrite: the disk is full, or gone; the library is as good as it was.
    """
    if stamp.schema == SCHEMA:
        return stamp
    log.info("migrating", folder=folder, schema=stamp.schema, to=SCHEMA)
    with told_clearly(folder):
        database = connected(folder)
        for name, wanted in (("moments", moments_schema(stamp.embedding_size)), ("videos", VIDEOS)):
            _add_columns(database.open_table(name), wanted)
        try:
            database.open_table("texts")
        except ValueError:  # not there, or not whole
            discard(folder, "texts")
            database.create_table("texts", schema=TEXTS)
    stamp = replace(stamp, schema=SCHEMA)
    write_stamp(folder, stamp)
    log.info("migrated", folder=folder, schema=SCHEMA)
    return stamp


def _add_columns(table: Any, wanted: pa.Schema) -> None:
    there = set(table.schema.names)
    new = [field for field in wanted if field.name not in there]
    filled = {field.name: DEFAULTS[field.name] for field in new if not field.nullable}
    if filled:
        table.add_columns(filled)
    for field in new:
        if field.nullable:
            table.add_columns(field)

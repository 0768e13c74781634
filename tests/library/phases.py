"""Where a process that writes to a library can be, as what it calls there: ``module:name``."""

DWELL = 0.03  # s before and after each call

PHASES: dict[str, tuple[str, ...]] = {
    "hash": ("fdaclip.library.ingest:content_hash",),
    "decode": ("fdaclip.library.ingest:Ingest._receive",),
    "encode": (),  # of the encoder that the test brings
    "moments": ("fdaclip.library.store:moments_table", "lancedb.table:LanceTable.add"),
    "rows": ("lancedb.merge:LanceMergeInsertBuilder.execute",),
    "texts": ("fdaclip.library.store:_texts_table",),
    "orphans": ("fdaclip.library.store:Store.drop_orphans",),
    "compact": ("lancedb.table:LanceTable.optimize",),
    "vectors": ("fdaclip.library.derived:write_part", "fdaclip.library.derived:_name"),
    "migrate": (
        "lancedb.table:LanceTable.add_columns",
        "lancedb.db:LanceDBConnection.create_table",
        "fdaclip.library.schema:write_stamp",
    ),
    "remap": ("fdaclip.library.store:Store.rename",),
    "remove": ("lancedb.table:LanceTable.delete", "fdaclip.library.store:Store.forget"),
    "reindex": ("lancedb.merge:LanceMergeInsertBuilder.execute",),
    "swap": (
        "fdaclip.library.reindex:_mark",
        "fdaclip.library.reindex:swap",
        "fdaclip.library.reindex:_last_name",
    ),
}

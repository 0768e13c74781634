"""Indexing for a server, in a process of its own: ``python -m fdaclip.serve.indexer``.

What it does is in `order`; this stays light, for the processes that decode import it too.
"""

if __name__ == "__main__":
    from fdaclip.serve.order import main

    main()

"""What can be wrong with a dataset: one clear line, and what to do about it."""

from __future__ import annotations

from fdaclip.errors import Hinted


class DataError(Hinted):
    """A dataset cannot be used as asked: what is missing, and where it was sought."""


class StaleCache(DataError):
    """A frame cache does not hold what is asked of it: it was made otherwise, or lacks videos."""

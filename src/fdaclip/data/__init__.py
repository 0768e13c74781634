"""Text-video datasets: one record type and one reader per corpus."""

from fdaclip.data.records import Record

__all__ = ["Record"]

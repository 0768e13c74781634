from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    frames: int = 12
    partner: float | str = 1 / 6

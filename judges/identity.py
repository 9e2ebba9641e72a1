"""Which judge said so: a name for people, and a digest of all that decides what it says."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class JudgeIdentity:
    """One judge of one dimension, as licences and score tables name it.

    Attributes:
        name: ``linear/humor``, ``lora/humor``, ``rubric/humor``.
        dimension: Key in ``DIMENSIONS``.
        parts: All that its values depend on, each as text: digests of weights, rubric and prompt,
            the model's name. A change of any part makes another judge, whose licence is void.
    """

    name: str
    dimension: str
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """First 16 hex digits of the sha256 over name, dimension and parts."""
        told = {"name": self.name, "dimension": self.dimension, "parts": dict(self.parts)}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

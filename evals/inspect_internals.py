"""The only file that reaches into Inspect's private parts. Written for inspect_ai 0.3.285.

Three things have no public way:

* a model name without a slash (``--model run2``) matches only a provider whose unqualified registry name
  is None, so one is registered under a name whose ``split`` says so;
* ``PrerequisiteError``, which Inspect prints without a traceback, is not exported;
* whether ``--cache`` was asked for, so that a solver can add a run's identity to the cache's scope.
"""

from collections.abc import Callable
from typing import Any, SupportsIndex

from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.registry import RegistryInfo, registry_add
from inspect_ai.model import CachePolicy, ModelAPI
from inspect_ai.model._generate_config import active_generate_config

__all__ = ["WRITTEN_FOR", "PrerequisiteError", "register_for_bare_names", "requested_cache"]

WRITTEN_FOR = "0.3.285"


class _NoPackage(str):
    """A registry name whose last part is None, as that of a model name without a slash."""

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Any]:
        return [None]


def register_for_bare_names(provider: Callable[..., ModelAPI], name: str) -> None:
    """Make ``provider`` the one that serves model names without a slash.

    Args:
        provider: What ``@modelapi`` returned, or the class itself.
        name: Name in the registry; must differ from the provider's own.
    """

    def bare(*args: Any, **kwargs: Any) -> ModelAPI:
        return provider(*args, **kwargs)

    # model_construct: validation would make a plain str of the name.
    registry_add(bare, RegistryInfo.model_construct(type="modelapi", name=_NoPackage(name), metadata={}))


def requested_cache() -> CachePolicy | None:
    """The cache policy that the command line or the eval asked for, or None."""
    asked = active_generate_config().cache
    if asked is True:
        return CachePolicy()
    return asked if isinstance(asked, CachePolicy) else None

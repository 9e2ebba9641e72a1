"""The only file that reaches into Inspect's private parts. Written for inspect_ai 0.3.285.

Four things have no public way:

* a model name without a slash (``--model run2``) matches only a provider whose unqualified registry name
  is None, so one is registered under a name whose ``split`` says so;
* ``PrerequisiteError``, which Inspect prints without a traceback, is not exported;
* the settings that the command line and the task ask for together, from which a solver makes each answer's seed
  and its cache's scope;
* the models that a command evaluates side by side, and the logs that it goes on with: a task is made for one of them.

Another version of Inspect is refused at import: these parts change without notice.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, SupportsIndex

import click
import inspect_ai
from inspect_ai._util.error import PrerequisiteError as PrerequisiteError  # others import it from here
from inspect_ai._util.registry import RegistryInfo, registry_add
from inspect_ai.model import GenerateConfig, ModelAPI
from inspect_ai.model._generate_config import active_generate_config

from timbre.errors import TimbreError
from timbre.files import as_unwritable

WRITTEN_FOR = "0.3.285"

if inspect_ai.__version__ != WRITTEN_FOR:
    raise TimbreError(
        f"inspect_ai is {inspect_ai.__version__}, and this is written for {WRITTEN_FOR}",
        where="evals/inspect_internals.py",
        do="run `make setup`",
    )


class _NoPackage(str):
    """A registry name whose last part is None, as that of a model name without a slash."""

    def split(self, sep: str | None = None, maxsplit: SupportsIndex = -1) -> list[Any]:
        return [None]


def register_for_bare_names(provider: Callable[..., ModelAPI], name: str) -> None:
    """Make ``provider`` the one that serves model names without a slash; ``name`` must differ from its own."""

    def bare(*args: Any, **kwargs: Any) -> ModelAPI:
        return provider(*args, **kwargs)

    # model_construct: validation would make a plain str of the name.
    registry_add(bare, RegistryInfo.model_construct(type="modelapi", name=_NoPackage(name), metadata={}))


def requested_config() -> GenerateConfig:
    """The settings of this eval's own model: the task's, under what the command line says."""
    return active_generate_config()


def requested(option: str) -> tuple[str, ...]:
    """What the command line of `inspect` gave as ``model`` or ``log_files``; nothing outside of that command."""
    context = click.get_current_context(silent=True)
    given = context.params.get(option) if context else None
    return tuple(given.split(",")) if isinstance(given, str) else tuple(given or ())


@contextmanager
def prerequisite() -> Iterator[None]:
    """Turn a user's mistake into Inspect's own kind: printed without a traceback, exit status 1."""
    try:
        yield
    except (TimbreError, OSError) as error:
        mistake = error if isinstance(error, TimbreError) else as_unwritable(error)
        if mistake is None:
            raise
        raise PrerequisiteError(str(mistake)) from None

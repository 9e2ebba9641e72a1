"""Blocking work beside Inspect's event loop, which a Ctrl-C never has to wait for."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

T = TypeVar("T")


async def in_daemon(function: Callable[[], T]) -> T:
    """Result of ``function``, called in a daemon thread; when cancelled, the thread is left to itself.

    anyio's own worker threads are waited for at the end of the process, however long they block.
    """
    done, token = anyio.Event(), anyio.lowlevel.current_token()
    result: Future[T] = Future()

    def call() -> None:
        try:
            result.set_result(function())
        except BaseException as error:  # raised again where it is awaited
            result.set_exception(error)
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            anyio.from_thread.run_sync(done.set, token=token)

    threading.Thread(target=contextvars.copy_context().run, args=(call,), daemon=True).start()
    await done.wait()
    return result.result()

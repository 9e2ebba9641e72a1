"""The page on which people rate: served on this machine alone, or written as one file that keeps its own labels."""

import secrets
import socket
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from results.grid import HTML
from results.labelling.items import Item, Session, scale_of, segments
from results.labelling.ratings import Rating, RatingFile
from timbre.errors import TimbreError

HOST = "127.0.0.1"
MOST_BYTES = 4000  # of a request's body
PAIR_KEYS = ("ArrowLeft", "=", "ArrowRight")  # beside 1, 2 and 3; a rating is its own digit


def page(session: Session, done: Sequence[Rating], served: bool) -> tuple[str, str]:
    """The HTML and its Content-Security-Policy; ``done`` are this rater's labels so far, oldest first.

    If it is ``served``, labels go to the command; else the page keeps them and gives them out as a file.
    """
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'"
    policy += "; connect-src 'self'" if served else ""
    scale, steps = scale_of(session.dimension, session.pairs), session.steps
    places = {step: at for at, step in enumerate(steps)}
    data = {
        "session": session.name,
        "rater": session.rater,
        "served": served,
        "pairs": session.pairs,
        "question": session.question,
        "values": scale.values,
        "names": scale.names,
        "keys": PAIR_KEYS if session.pairs else [f"{value:g}" for value in scale.values],
        "yes_from": scale.yes_from,
        "asked": session.asked,
        "of_each": session.of_each,
        "steps": steps,
        "items": {key: _shown(item) for key, item in session.items.items()},
        "done": [(places[r.item.id, r.again], r.value) for r in done if (r.item.id, r.again) in places],
    }
    return HTML.get_template("label.html").render(data=data, nonce=nonce, policy=policy), policy


def _shown(item: Item) -> dict[str, Any]:
    texts = [item.text, item.other_text] if item.other_text else [item.text]
    own = {"subjects": item.subjects, "first_person_licensed": item.first_person_licensed}
    return {
        "prompt": item.prompt,
        "texts": [segments(text) for text in texts],
        "canary": {**own, "target_words": item.target_words},
    }


class _Label(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    again: bool
    value: float | None


def label_app(session: Session, file: RatingFile, key: str, stop: Callable[[], None]) -> Starlette:
    """The page and what it calls, below ``/key/``; any other address, and any other host's name, is refused."""
    scale = scale_of(session.dimension, session.pairs)

    async def show(request: Request) -> Response:
        html, policy = page(session, file.ratings(), served=True)
        headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        policy += "; frame-ancestors 'none'"
        return HTMLResponse(html, headers={**headers, "Content-Security-Policy": policy})

    async def rate(request: Request) -> Response:
        size = int(request.headers.get("content-length", MOST_BYTES + 1))
        try:
            label = _Label.model_validate_json(await request.body() if size <= MOST_BYTES else b"")
            item = session.items[label.id]
        except (ValidationError, KeyError):
            return PlainTextResponse("no label of this page", 400)
        if label.value not in (None, *scale.values):
            return PlainTextResponse("not on the scale", 400)
        try:
            file.add(item, label.value, label.again)
        except TimbreError as error:
            return PlainTextResponse(str(error), 507)
        return PlainTextResponse("kept")

    async def finish(request: Request) -> Response:
        stop()
        return PlainTextResponse("done")

    async def refuse(request: Request) -> Response:
        return PlainTextResponse("open the address that `timbre label` printed", 403)

    calls = (Route(f"/{call.__name__}", call, methods=["POST"]) for call in (rate, finish))
    own = [Route("/", show), *calls]
    only_here = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
    routes = [Mount(f"/{key}", routes=own), Route("/{path:path}", refuse, methods=["GET", "POST"])]
    return Starlette(routes=routes, middleware=[only_here])


def serve(session: Session, file: RatingFile, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page until the rater says that it is enough; port 0 is any that is free.

    ``announce`` is called with the page's address once it can be opened.

    Raises:
        TimbreError: the port is taken.
        KeyboardInterrupt: Ctrl-C.
    """
    import uvicorn

    key = secrets.token_urlsafe(16)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()
    except OSError as error:
        do = "leave --port out, and a free one is taken"
        raise TimbreError(f"port {port} can't be had ({error.strerror})", where="--port", do=do) from error

    def stop() -> None:
        server.should_exit = True

    app = label_app(session, file, key, stop)
    settings = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(settings)
    announce(f"http://{HOST}:{listening.getsockname()[1]}/{key}/")
    server.run(sockets=[listening])

"""Reads docs/power-automate.md: the requests, responses, expressions and texts of each recipe, in order."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx

DOCUMENT = Path(__file__).parents[2] / "docs" / "power-automate.md"
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^(#{2,3}) (.+)$", re.MULTILINE)
BLANK = re.compile(r"\{\{(\w+)\}\}")
APP = "https://{{app}}"

type Document = dict[str, Any]


@dataclass(frozen=True)
class Response:
    """A response as the document shows it."""

    status: int
    headers: dict[str, str]
    body: Document

    def assert_is_like(self, real: httpx.Response) -> None:
        """A real response has this status, these headers, and at least these members."""
        assert real.status_code == self.status, real.text
        assert not [name for name in self.headers if name not in real.headers], real.headers
        _assert_has(real.json(), self.body, "the body")


@dataclass(frozen=True)
class Request:
    """A request as the document shows it, and the responses shown after it."""

    method: str
    address: str
    headers: dict[str, str]
    responses: list[Response] = field(default_factory=list)

    @property
    def response(self) -> Response:
        """The one response."""
        (response,) = self.responses
        return response

    def filled(self, app: str, **blanks: str) -> httpx.Request:
        """The request with its blanks filled in."""
        address = _fill(self.address.replace(APP, app), blanks)
        headers = {name: _fill(value, {"token": "t", "key": "k", **blanks}) for name, value in self.headers.items()}
        return httpx.Request(self.method, address, headers=headers)

    def changed(self, texts: Mapping[str, str]) -> "Request":
        """The request with these texts of its address replaced by others."""
        address = self.address
        for old, new in texts.items():
            assert old in address
            address = address.replace(old, new)
        return replace(self, address=address)

    def assert_is(self, sent: httpx.Request, app: str, besides: Set[str] = frozenset(), **blanks: str) -> None:
        """A request that was sent is this one; its query may also contain the parameters ``besides``."""
        documented = self.filled(app, **blanks)
        assert sent.method == documented.method
        assert _path(sent) == _path(documented)
        query = [(name, value) for name, value in _query(sent) if name not in besides]
        assert query == _query(documented)
        assert not [name for name in self.headers if name not in sent.headers]


@dataclass(frozen=True)
class Recipe:
    """One section of the document, without its subsections."""

    requests: list[Request]
    expressions: list[str]
    texts: list[str]


def recipe(title: str) -> Recipe:
    """The section with this heading."""
    found = Recipe([], [], [])
    for block in FENCE.finditer(next(text for _, name, text in _sections() if name == title)):
        code = dedent(block["code"]).strip()
        match block["language"]:
            case "wdl":
                found.expressions.append(code)
            case "html":
                found.texts.append(code)
            case "http" if code.startswith("HTTP/1.1 "):
                found.requests[-1].responses.append(_response(code))
            case "http":
                found.requests.append(_request(code))
    return found


def requests_by_chapter() -> dict[str, list[Request]]:
    """All requests of each chapter that has some, those of its sections too."""
    found: dict[str, list[Request]] = {}
    for chapter, title, _ in _sections():
        if requests := recipe(title).requests:
            found.setdefault(chapter, []).extend(requests)
    return found


def roles() -> dict[str, set[str]]:
    """The app roles of each recipe, from the table."""
    rows = re.findall(r"^\| \[(.+?)\]\(.+?\) \| (.+?) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {title: set(re.findall(r"`(.+?)`", cell)) for title, cell in rows}


def _sections() -> Iterator[tuple[str, str, str]]:
    """Chapter, title and text of each section."""
    _, *parts = HEADING.split(DOCUMENT.read_text(encoding="utf-8"))
    chapter = ""
    for marks, title, text in batched(parts, 3, strict=True):
        chapter = title if marks == "##" else chapter
        yield chapter, title, text


def _request(code: str) -> Request:
    line, *headers = code.splitlines()
    method, address = line.split()
    return Request(method, address, dict(header.split(": ", 1) for header in headers))


def _response(code: str) -> Response:
    head, _, body = code.partition("\n\n")
    line, *headers = head.splitlines()
    return Response(int(line.split()[1]), dict(header.split(": ", 1) for header in headers), json.loads(body))


def _fill(text: str, blanks: dict[str, str]) -> str:
    return BLANK.sub(lambda found: blanks[found[1]], text)


def _path(request: httpx.Request) -> bytes:
    return request.url.raw_path.partition(b"?")[0]


def _query(request: httpx.Request) -> list[tuple[str, str]]:
    return sorted(parse_qsl(urlsplit(str(request.url)).query))


def _assert_has(real: Any, documented: Any, where: str) -> None:
    match documented:
        case dict():
            assert documented.keys() <= real.keys(), where
            for name, value in documented.items():
                _assert_has(real[name], value, f"{where}, {name}")
        case [first, *_]:
            assert real, where
            _assert_has(real[0], first, where)
        case _:
            assert documented is None or real is None or type(real) is type(documented), where


def once(text: str) -> str:
    """Percent-encoded once, as in a URL."""
    return quote(text, safe="")


def twice(text: str) -> str:
    """Percent-encoded twice, as the platform sends path parameters."""
    return once(once(text))

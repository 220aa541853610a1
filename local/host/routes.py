"""Matches requests to HTTP functions by their route templates, as ASP.NET Core does for the Functions host."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from local.host.worker import BrokenApp, Function

_PARAMETER = re.compile(r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")
_CONSTRAINTS = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "guid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "bool": r"(?i:true|false)",
    "alpha": r"[a-zA-Z]+",
}
_LITERAL, _MIXED, _CONSTRAINED, _PLAIN, _CATCH_ALL = range(5)


@dataclass(frozen=True, slots=True)
class Route:
    """The route of one HTTP function. If two routes match a path, the one with the lower `rank` is used."""

    function: Function
    template: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    rank: tuple[int, ...]

    @property
    def methods_text(self) -> str:
        """The allowed methods, comma-separated, or `any`."""
        return ",".join(sorted(self.methods)) or "any"


def parse_route(function: Function, prefix: str) -> Route:
    """Parse the route of an HTTP function. Raises `BrokenApp` if the template is not supported."""
    template = str(function.trigger.get("route") or function.name).strip("/")
    full = f"{prefix}/{template}".strip("/")
    patterns, ranks = [], []
    for segment in full.split("/"):
        pattern, rank = _segment_pattern(segment, function)
        patterns.append(pattern)
        ranks.append(rank)
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, f"/{full}", methods, re.compile("".join(patterns), re.IGNORECASE), tuple(ranks))


class Routes:
    """All routes of an app."""

    def __init__(self, routes: list[Route]) -> None:
        self.all = sorted(routes, key=lambda route: route.rank)

    def find(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the matching route and its parameters, or None (404) if the path or the method does not match.

        Parameters are decoded once, except %2F, which Kestrel does not decode.
        """
        path = raw_path.rstrip("/")
        for route in self.all:
            if route.methods and method not in route.methods:
                continue
            if found := route.pattern.fullmatch(path):
                return route, {name: _decode(value) for name, value in found.groupdict().items() if value is not None}
        return None


def _segment_pattern(segment: str, function: Function) -> tuple[str, int]:
    parameters = list(_PARAMETER.finditer(segment))
    if not parameters:
        if "{" in segment or "}" in segment:
            raise BrokenApp(
                f"the route of {function.name} has a segment that the local host does not support: {segment}"
            )
        return "/" + _literal(segment), _LITERAL
    first = parameters[0]
    if first["star"]:
        return f"(?:/(?P<{first['name']}>(?s:.*)))?", _CATCH_ALL
    if first.group(0) != segment:
        return "/" + _mixed_pattern(segment, parameters, function), _MIXED
    value = _parameter_pattern(first, function)
    pattern = f"(?:/{value})?" if first["optional"] else f"/{value}"
    return pattern, _CONSTRAINED if first["constraint"] else _PLAIN


def _mixed_pattern(segment: str, parameters: list[re.Match[str]], function: Function) -> str:
    pattern, at = "", 0
    for parameter in parameters:
        pattern += _literal(segment[at : parameter.start()]) + _parameter_pattern(parameter, function)
        at = parameter.end()
    return pattern + _literal(segment[at:])


def _parameter_pattern(parameter: re.Match[str], function: Function) -> str:
    constraint = parameter["constraint"]
    if constraint and constraint not in _CONSTRAINTS:
        raise BrokenApp(
            f"the route of {function.name} has a constraint that the local host does not support: {constraint}"
        )
    return f"(?P<{parameter['name']}>{_CONSTRAINTS.get(constraint, '[^/]+')})"


def _literal(text: str) -> str:
    return re.escape(text)


def _decode(value: str) -> str:
    return "%2F".join("%2f".join(unquote(part) for part in piece.split("%2f")) for piece in value.split("%2F"))

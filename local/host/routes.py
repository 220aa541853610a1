"""Which HTTP function answers a path: route templates as ASP.NET Core reads them for the Functions host."""

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
_LITERAL, _MIXED, _CONSTRAINED, _PLAIN, _REST = range(5)


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP function's address. Of two routes that fit, the one with the smaller `rank` answers."""

    function: Function
    template: str
    methods: frozenset[str]
    pattern: re.Pattern[str]
    rank: tuple[int, ...]

    @property
    def methods_text(self) -> str:
        """Name its methods, or say that every method will do."""
        return ",".join(sorted(self.methods)) or "any"


def read_route(function: Function, prefix: str) -> Route:
    """Read the address of an HTTP function; BrokenApp when it is not one."""
    template = str(function.trigger.get("route") or function.name).strip("/")
    full = f"{prefix}/{template}".strip("/")
    patterns, ranks = [], []
    for segment in full.split("/"):
        pattern, rank = _segment(segment, function)
        patterns.append(pattern)
        ranks.append(rank)
    methods = frozenset(str(method).upper() for method in function.trigger.get("methods") or ())
    return Route(function, f"/{full}", methods, re.compile("".join(patterns), re.IGNORECASE), tuple(ranks))


class Routes:
    """All routes of an app."""

    def __init__(self, routes: list[Route]) -> None:
        self.all = sorted(routes, key=lambda route: route.rank)

    def find(self, method: str, raw_path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Find who answers, and with which route parameters; None is a 404, whichever of the two does not fit.

        Parameters are decoded once, except %2F, which Kestrel leaves as it is.
        """
        path = raw_path.rstrip("/")
        for route in self.all:
            if route.methods and method not in route.methods:
                continue
            if found := route.pattern.fullmatch(path):
                return route, {name: _decoded(value) for name, value in found.groupdict().items() if value is not None}
        return None


def _segment(segment: str, function: Function) -> tuple[str, int]:
    parameters = list(_PARAMETER.finditer(segment))
    if not parameters:
        if "{" in segment or "}" in segment:
            raise BrokenApp(f"the route of {function.name} has a segment the local host cannot read: {segment}")
        return "/" + _literal(segment), _LITERAL
    first = parameters[0]
    if first["star"]:
        return f"(?:/(?P<{first['name']}>(?s:.*)))?", _REST
    if first.group(0) != segment:
        return "/" + _mixed(segment, parameters, function), _MIXED
    value = _value(first, function)
    pattern = f"(?:/{value})?" if first["optional"] else f"/{value}"
    return pattern, _CONSTRAINED if first["constraint"] else _PLAIN


def _mixed(segment: str, parameters: list[re.Match[str]], function: Function) -> str:
    pattern, at = "", 0
    for parameter in parameters:
        pattern += _literal(segment[at : parameter.start()]) + _value(parameter, function)
        at = parameter.end()
    return pattern + _literal(segment[at:])


def _value(parameter: re.Match[str], function: Function) -> str:
    constraint = parameter["constraint"]
    if constraint and constraint not in _CONSTRAINTS:
        raise BrokenApp(f"the route of {function.name} has a constraint the local host does not know: {constraint}")
    return f"(?P<{parameter['name']}>{_CONSTRAINTS.get(constraint, '[^/]+')})"


def _literal(text: str) -> str:
    return re.escape(text)


def _decoded(value: str) -> str:
    return "%2F".join("%2f".join(unquote(part) for part in piece.split("%2f")) for piece in value.split("%2F"))

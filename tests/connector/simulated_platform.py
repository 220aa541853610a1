"""Simulates the platform: it knows only the connector's files, a connection, and the address of the app.

Between a flow and the app it does what Microsoft documents for connectors: it encodes parameters, adds those that
makers do not see, applies the policies, signs in, follows pages and 202, and stores the state of triggers.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import httpx

from tests.openapi_responses import assert_is_described, check_against_the_description

TRIGGER_PREFIX = "/trigger"
"""The policy of a polling trigger removes it."""
GATEWAY = "https://europe-002.azure-apihub.net/apim/bookings-atlas/connection"
CONNECTIONS: Mapping[str, Mapping[str, str]] = {
    "oauthSetting": {"Authorization": "Bearer of-the-maker"},
    "securestring": {"x-functions-key": "of-the-app"},
}
"""What a connection of each kind sends; the definition names the header of a key."""

type Document = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One action or trigger, and its policies."""

    path: str
    method: str
    definition: Document
    policies: Mapping[str, Document]

    def is_at(self, method: str, path: str) -> bool:
        """Whether it has this method and path."""
        return self.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), path) is not None

    def policy(self, template: str) -> Document | None:
        """The parameters of its policy of this kind."""
        return self.policies.get(template)


@dataclass
class Platform:
    """One connection of one connector to an app."""

    definition: Document
    properties: Document
    address: str
    """The address of the app."""
    called: set[str] = field(default_factory=set)
    sent: list[httpx.Request] = field(default_factory=list)
    responses: list[httpx.Response] = field(default_factory=list)
    """The responses to everything sent through the gateway, in order."""
    bypassed: list[str] = field(default_factory=list)
    """Locations that lead past the gateway, where requests are not signed in."""

    @classmethod
    def of(cls, folder: Path, address: str) -> "Platform":
        """The connector of this folder."""
        return cls(
            json.loads((folder / "apiDefinition.swagger.json").read_text(encoding="utf-8")),
            json.loads((folder / "apiProperties.json").read_text(encoding="utf-8"))["properties"],
            address,
        )

    @property
    def operations(self) -> dict[str, Operation]:
        """All actions and triggers by their names."""
        return {
            says["operationId"]: Operation(path, method, says, self._policies(says["operationId"]))
            for path, methods in self.definition["paths"].items()
            for method, says in methods.items()
        }

    async def call(self, name: str, **inputs: Any) -> httpx.Response:
        """One call of an action with a maker's inputs."""
        operation = self.operations[name]
        self.called.add(name)
        path, query = self._address_of(operation, inputs)
        if "x-ms-trigger" in operation.definition:
            query.append(("triggerstate", "of the platform"))
        response = await self._send(operation, path, query)
        self._assert_defined(operation, response)
        return response

    async def run(self, name: str, **inputs: Any) -> Document:
        """An action to its end: after a 202, its Location is requested until the status is another."""
        operation, response = self.operations[name], await self.call(name, **inputs)
        while response.status_code == 202:
            assert int(response.headers["Retry-After"]) > 0
            await asyncio.sleep(0.05)
            response = await self._follow(response.headers["Location"])
            self._assert_defined(operation, response)
        assert response.status_code == 200, response.text
        document: Document = response.json()
        return document

    async def pages(self, name: str, **inputs: Any) -> list[Document]:
        """All pages of a list, by its next link, which a policy leads through the gateway."""
        operation = self.operations[name]
        next_link = operation.definition["x-ms-pageable"]["nextLinkName"]
        pages = [(await self.call(name, **inputs)).json()]
        while link := pages[-1].get(next_link):
            through = self._through_the_gateway(operation, link)
            assert through.startswith(f"{GATEWAY}/"), "the platform only follows links through the gateway"
            target = urlsplit(through.removeprefix(GATEWAY))
            pages.append((await self._send(operation, target.path, parse_qsl(target.query))).json())
        return pages

    async def choices(self, name: str, parameter: str, **inputs: Any) -> dict[str, Any]:
        """The choices for a parameter, which another operation returns: values by title."""
        described = next(one for one in self.operations[name].definition["parameters"] if one["name"] == parameter)
        source = described["x-ms-dynamic-values"]
        given = {
            key: inputs[value["parameter"]] if isinstance(value, dict) else value
            for key, value in source["parameters"].items()
        }
        response = (await self.call(source["operationId"], **given)).json()
        return {
            item[source["value-title"]]: item[source["value-path"]]
            for item in response[source["value-collection"]] or ()
        }

    def trigger(self, name: str, **inputs: Any) -> "Polling":
        """A flow with this trigger, and what its maker entered."""
        return Polling(self, name, inputs)

    def _policies(self, name: str) -> dict[str, Document]:
        return {
            policy["templateId"]: {
                key.removeprefix("x-ms-apimTemplateParameter."): value for key, value in policy["parameters"].items()
            }
            for policy in self.properties["policyTemplateInstances"]
            if name in policy["parameters"]["x-ms-apimTemplate-operationName"]
        }

    def _address_of(self, operation: Operation, inputs: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        """The path and the query of a call; the policy of a trigger changes the path."""
        described = {one["name"]: one for one in operation.definition["parameters"]}
        assert set(inputs) <= set(described), f"the designer does not show {set(inputs) - set(described)}"
        hidden = {
            name: one["default"]
            for name, one in described.items()
            if one.get("x-ms-visibility") == "internal" and "default" in one
        }
        given = {**hidden, **inputs}
        missing = {name for name, one in described.items() if one.get("required")} - set(given)
        assert not missing, f"a maker must fill in {missing}"
        path = operation.path
        if operation.policy("pollingtrigger"):
            assert path.startswith(TRIGGER_PREFIX), "without the prefix in the path, the platform stores no state"
            path = path.removeprefix(TRIGGER_PREFIX)
        for name, one in described.items():
            if one["in"] == "path":
                path = path.replace(f"{{{name}}}", _segment(str(given[name]), one["x-ms-url-encoding"]))
        return path, [(name, _text(value)) for name, value in given.items() if described[name]["in"] == "query"]

    async def _follow(self, location: str) -> httpx.Response:
        """The Location of a 202: through the gateway it is signed in, by an operation of the connector."""
        target = urlsplit(location.removeprefix(GATEWAY))
        if not location.startswith(f"{GATEWAY}/"):
            assert location.startswith(f"{self.address}/"), location
            self.bypassed.append(location)
            return await self._request("get", target.path, parse_qsl(target.query), {})
        operation = next(one for one in self.operations.values() if one.is_at("get", target.path))
        return await self._send(operation, target.path, parse_qsl(target.query))

    async def _send(self, operation: Operation, path: str, query: list[tuple[str, str]]) -> httpx.Response:
        return await self._request(operation.method, path, query, self._sign_in())

    async def _request(
        self, method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> httpx.Response:
        hooks = {"response": [check_against_the_description]}
        async with httpx.AsyncClient(base_url=self.address, timeout=60, event_hooks=hooks) as http:
            sent_headers = {**headers, "X-MS-APIM-Referrer-Prefix": GATEWAY}
            response = await http.request(method.upper(), path, params=query or None, headers=sent_headers)
        if headers:
            self.sent.append(response.request)
            self.responses.append(response)
        return response

    def _sign_in(self) -> Mapping[str, str]:
        (demanded,) = self.definition["securityDefinitions"].values()
        (kind,) = {one["type"] for one in self.properties["connectionParameters"].values()} & set(CONNECTIONS)
        header = CONNECTIONS[kind]
        assert (demanded["type"], demanded.get("name")) in {("oauth2", None), ("apiKey", *header)}
        return header

    def _through_the_gateway(self, operation: Operation, link: str) -> str:
        """The policy replaces the host of the app with the gateway; without it, the link stays as it is."""
        policy = operation.policy("updatenextlink")
        if policy is None or policy["nextLinkPropertyName"] != operation.definition["x-ms-pageable"]["nextLinkName"]:
            return link
        assert link.startswith(f"{self.address}/"), link
        return GATEWAY + link.removeprefix(self.address)

    def _assert_defined(self, operation: Operation, response: httpx.Response) -> None:
        responses = operation.definition["responses"]
        assert str(response.status_code) in responses, response.text
        schema = responses[str(response.status_code)]["schema"]
        if schema.get("type") == "string":
            assert response.headers["Content-Type"].partition(";")[0] in operation.definition["produces"]
            return
        document = response.json()
        if schema.get("$ref", "").endswith("/BookingPage"):
            # The action does not show these two, because it requests no availability.
            document = {name: value for name, value in document.items() if not name.startswith("availability")}
        assert_is_described(schema, document, response.text, self.definition["definitions"])


@dataclass
class Polling:
    """A flow's trigger: the platform stores its state, which the first call only sets."""

    platform: Platform
    name: str
    inputs: Mapping[str, Any]
    state: dict[str, Any] | None = None

    async def poll(self) -> list[Document]:
        """The items that start a run each; none at the first call."""
        operation = self.platform.operations[self.name]
        policy = operation.policy("pollingtrigger")
        assert policy, "without its policy, the platform stores no state"
        assert operation.definition["x-ms-trigger"] == "batch"
        is_first = self.state is None
        response = (await self.platform.call(self.name, **self.inputs, **(self.state or {}))).json()
        self.state = {name: _value(expression, response) for name, expression in policy["triggerConfig"].items()}
        found: list[Document] = _value(policy["triggerDataPath"], response)
        return [] if is_first else found


def _segment(text: str, encoding: str) -> str:
    """One path segment, encoded once or twice; encoded twice, it is still one segment after a gateway decodes it."""
    once = quote(text, safe="")
    if encoding == "double":
        assert "/" not in unquote(quote(once, safe=""))
        return quote(once, safe="")
    return once


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _value(expression: str, body: Document) -> Any:
    """The value of an expression like ``@{triggerBody().cursor}``."""
    found = re.fullmatch(r"@\{?triggerBody\(\)\.(\w+)\}?", expression)
    assert found, expression
    return body[found[1]]


async def runs_until(flow: Polling, last: str) -> list[Document]:
    """The changes that start a run, until there is one of this user."""
    runs: list[Document] = []
    while last not in [run["userId"] for run in runs]:
        runs += await flow.poll()
        await asyncio.sleep(0.2)
    return runs

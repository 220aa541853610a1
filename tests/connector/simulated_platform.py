"""Plays the platform: knows nothing but the connector's files, a connection, and where the app's host is to be found.

What it does between a flow and the app is what Microsoft documents of connectors: it encodes parameters, adds those
that a maker does not see, applies the policies, signs in, follows pages and 202, and keeps the state of triggers.
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

GATEWAY = "https://europe-002.azure-apihub.net/apim/bookings-atlas/connection"
CONNECTIONS: Mapping[str, Mapping[str, str]] = {
    "oauthSetting": {"Authorization": "Bearer of-the-maker"},
    "securestring": {"x-functions-key": "of-the-app"},
}
"""What a connection of each kind sends; the header of a key is the one that the definition names."""

type Document = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """One action or trigger, and the policies that it passes."""

    path: str
    method: str
    says: Document
    policies: Mapping[str, Document]

    def is_at(self, method: str, path: str) -> bool:
        """Whether this method and path are its own."""
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
    """Where the host of the definition is to be found."""
    reached: set[str] = field(default_factory=set)
    sent: list[httpx.Request] = field(default_factory=list)
    answers: list[httpx.Response] = field(default_factory=list)
    """Of all that was sent through the gateway, in its order."""
    led_past: list[str] = field(default_factory=list)
    """Where a 202 led past the connector, which can not sign in there."""

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
        """One call of an action with what a maker gives it."""
        operation = self.operations[name]
        self.reached.add(name)
        path, query = self._addressed(operation, inputs)
        answer = await self._send(operation, path, query)
        self._assert_told_by_the_definition(operation, answer)
        return answer

    async def run(self, name: str, **inputs: Any) -> Document:
        """An action to its end: 202 is followed to where Location leads, until something else is answered."""
        operation, answer = self.operations[name], await self.call(name, **inputs)
        while answer.status_code == 202:
            assert int(answer.headers["Retry-After"]) > 0
            await asyncio.sleep(0.05)
            answer = await self._follow(answer.headers["Location"])
            self._assert_told_by_the_definition(operation, answer)
        assert answer.status_code == 200, answer.text
        document: Document = answer.json()
        return document

    async def pages(self, name: str, **inputs: Any) -> list[Document]:
        """All pages of a list: its next link, which a policy leads through the gateway, is followed to the end."""
        operation = self.operations[name]
        told = operation.says["x-ms-pageable"]["nextLinkName"]
        pages = [(await self.call(name, **inputs)).json()]
        while link := pages[-1].get(told):
            through = self._through_the_gateway(operation, link)
            assert through.startswith(f"{GATEWAY}/"), "the platform follows no link that leads past the connector"
            asked = urlsplit(through.removeprefix(GATEWAY))
            pages.append((await self._send(operation, asked.path, parse_qsl(asked.query))).json())
        return pages

    async def choices(self, name: str, parameter: str, **inputs: Any) -> dict[str, Any]:
        """What a maker may choose for a parameter: values by title, as another operation tells them."""
        described = next(one for one in self.operations[name].says["parameters"] if one["name"] == parameter)
        asked = described["x-ms-dynamic-values"]
        given = {
            key: inputs[value["parameter"]] if isinstance(value, dict) else value
            for key, value in asked["parameters"].items()
        }
        answer = (await self.call(asked["operationId"], **given)).json()
        return {
            item[asked["value-title"]]: item[asked["value-path"]] for item in answer[asked["value-collection"]] or ()
        }

    def trigger(self, name: str) -> "Polling":
        """A flow that begins with this trigger."""
        return Polling(self, name)

    def _policies(self, name: str) -> dict[str, Document]:
        return {
            policy["templateId"]: {
                key.removeprefix("x-ms-apimTemplateParameter."): value for key, value in policy["parameters"].items()
            }
            for policy in self.properties["policyTemplateInstances"]
            if name in policy["parameters"]["x-ms-apimTemplate-operationName"]
        }

    def _addressed(self, operation: Operation, inputs: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        """The path and the query of a call; a policy may lead to another path with the same parameters."""
        described = {one["name"]: one for one in operation.says["parameters"]}
        assert set(inputs) <= set(described), f"a maker finds no {set(inputs) - set(described)}"
        hidden = {
            name: one["default"]
            for name, one in described.items()
            if one.get("x-ms-visibility") == "internal" and "default" in one
        }
        given = {**hidden, **inputs}
        missing = {name for name, one in described.items() if one.get("required")} - set(given)
        assert not missing, f"a maker has to give {missing}"
        route = operation.policy("routerequesttoendpoint")
        path = route["newPath"] if route else operation.path
        for name, one in described.items():
            if one["in"] == "path":
                path = path.replace(f"{{{name}}}", _segment(str(given[name]), one["x-ms-url-encoding"]))
        return path, [(name, _text(value)) for name, value in given.items() if described[name]["in"] == "query"]

    async def _follow(self, location: str) -> httpx.Response:
        """Where a 202 leads: through the gateway signed in, by an operation of the connector; else as it is told."""
        asked = urlsplit(location.removeprefix(GATEWAY))
        if not location.startswith(f"{GATEWAY}/"):
            assert location.startswith(f"{self.address}/"), location
            self.led_past.append(location)
            return await self._request("get", asked.path, parse_qsl(asked.query), {})
        operation = next(one for one in self.operations.values() if one.is_at("get", asked.path))
        return await self._send(operation, asked.path, parse_qsl(asked.query))

    async def _send(self, operation: Operation, path: str, query: list[tuple[str, str]]) -> httpx.Response:
        return await self._request(operation.method, path, query, self._sign_in())

    async def _request(
        self, method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str]
    ) -> httpx.Response:
        hooks = {"response": [check_against_the_description]}
        async with httpx.AsyncClient(base_url=self.address, timeout=60, event_hooks=hooks) as http:
            told = {**headers, "X-MS-APIM-Referrer-Prefix": GATEWAY}
            answer = await http.request(method.upper(), path, params=query or None, headers=told)
        if headers:
            self.sent.append(answer.request)
            self.answers.append(answer)
        return answer

    def _sign_in(self) -> Mapping[str, str]:
        (demanded,) = self.definition["securityDefinitions"].values()
        (kind,) = {one["type"] for one in self.properties["connectionParameters"].values()} & set(CONNECTIONS)
        header = CONNECTIONS[kind]
        assert (demanded["type"], demanded.get("name")) in {("oauth2", None), ("apiKey", *header)}
        return header

    def _through_the_gateway(self, operation: Operation, link: str) -> str:
        """The policy puts the gateway in the place of the app's host; without it the platform would leave it."""
        policy = operation.policy("updatenextlink")
        if policy is None or policy["nextLinkPropertyName"] != operation.says["x-ms-pageable"]["nextLinkName"]:
            return link
        assert link.startswith(f"{self.address}/"), link
        return GATEWAY + link.removeprefix(self.address)

    def _assert_told_by_the_definition(self, operation: Operation, answer: httpx.Response) -> None:
        responses = operation.says["responses"]
        assert str(answer.status_code) in responses, answer.text
        schema = responses[str(answer.status_code)]["schema"]
        document = answer.json()
        if schema.get("$ref", "").endswith("/BookingPage"):
            # A maker is not shown these two where no availability is asked for; the app tells them all the same.
            document = {name: value for name, value in document.items() if not name.startswith("availability")}
        assert_is_described(schema, document, answer.text, self.definition["definitions"])


@dataclass
class Polling:
    """A flow's trigger: the platform keeps its state, which the first call only sets."""

    platform: Platform
    name: str
    state: dict[str, Any] | None = None

    async def poll(self) -> list[Document]:
        """What the flow runs for, one run each; nothing at the first call."""
        operation = self.platform.operations[self.name]
        policy = operation.policy("pollingtrigger")
        assert policy, "without its policy the platform keeps no state"
        assert operation.says["x-ms-trigger"] == "batch"
        is_first = self.state is None
        answer = (await self.platform.call(self.name, **(self.state or {}))).json()
        self.state = {name: _value(expression, answer) for name, expression in policy["triggerConfig"].items()}
        found: list[Document] = _value(policy["triggerDataPath"], answer)
        return [] if is_first else found


def _segment(text: str, encoding: str) -> str:
    """One path segment, encoded twice or once; with twice, what a gateway decodes is still one segment."""
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

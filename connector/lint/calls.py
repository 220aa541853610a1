"""What flows call: answers, parameters, paging, polling, choices and policies."""

import re

from connector.lint.files import (
    Complaints,
    Connector,
    answer_member,
    by_operation_id,
    members,
    operations,
    operations_of,
    parameters,
    policies_of,
    policy_parameter,
)


def answers_are_typed(connector: Connector) -> Complaints:
    """One 200 with a shape, the known problems beside it, and no ``default`` that hides them."""
    for _, _, operation in operations(connector):
        answers, place = operation.get("responses", {}), operation.get("operationId")
        if "schema" not in answers.get("200", {}):
            yield f"{place}: has no answer 200 with a schema"
        if not any(status.startswith("4") for status in answers) or not any(s.startswith("5") for s in answers):
            yield f"{place}: names no known problems"
        if "default" in answers:
            yield f"{place}: has a default answer, which hides the known ones"
        yield from (f"{place}: {status} is not described" for status, a in answers.items() if not a.get("description"))


def types_are_whole(connector: Connector) -> Complaints:
    """Every property has a type, and every list says of what."""
    for place, thing in (*parameters(connector), *members(connector)):
        if "type" not in thing:
            yield f"{place}: has no type"
        if thing.get("type") == "array" and not thing.get("items"):
            yield f"{place}: is a list of nothing"


def path_parameters_are_encoded(connector: Connector) -> Complaints:
    """Each is required, says how it is encoded, and has its place in the path."""
    for path, _, operation in operations(connector):
        given = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "path"}
        place = operation.get("operationId")
        yield from (
            f"{place}.{name}: is not required, or has no x-ms-url-encoding"
            for name, parameter in given.items()
            if parameter.get("required") is not True or parameter.get("x-ms-url-encoding") not in {"single", "double"}
        )
        if set(given) != set(re.findall(r"{(\w+)}", path)):
            yield f"{place}: the parameters of the path are not those of {path}"


def internal_parameters_can_be_sent(connector: Connector) -> Complaints:
    """What a maker can not see is not demanded without a value, and is not shown as important either."""
    for place, parameter in parameters(connector):
        if parameter.get("x-ms-visibility") == "internal" and parameter.get("required") and "default" not in parameter:
            yield f"{place}: is internal and required, and has no default"


def required_parameters_come_first(connector: Connector) -> Complaints:
    """The designer shows them in the order of the file."""
    for _, _, operation in operations(connector):
        shown = [p for p in operation.get("parameters", ()) if p.get("x-ms-visibility") != "internal"]
        order = [not parameter.get("required", False) for parameter in shown]
        if order != sorted(order):
            yield f"{operation.get('operationId')}: an optional parameter comes before a required one"


def pages_have_their_policy(connector: Connector) -> Complaints:
    """A list is paged by a member that it has, and by a policy that names the same one."""
    for _, _, operation in operations(connector):
        if "x-ms-pageable" not in operation:
            continue
        place, name = operation["operationId"], operation["x-ms-pageable"]["nextLinkName"]
        if answer_member(connector, operation, name) is None:
            yield f"{place}: the answer has no {name}"
        for file, policies in policies_of(connector, "updatenextlink"):
            told = [policy_parameter(p, "nextLinkPropertyName") for p in policies if place in operations_of(p)]
            if told != [name]:
                yield f"{file}: {place} needs one policy updatenextlink for {name}, and has {len(told)}"


def triggers_can_be_polled(connector: Connector) -> Complaints:
    """A polling trigger has one internal parameter for its state, whose value its answer holds, and its policy."""
    for _, _, operation in operations(connector):
        if "x-ms-trigger" not in operation:
            continue
        place = operation["operationId"]
        if operation.get("x-ms-trigger-metadata") != {"kind": "query", "mode": "polling"}:
            yield f"{place}: x-ms-trigger-metadata is not that of polling by a query"
        states = [p for p in operation.get("parameters", ()) if "x-ms-trigger-value" in p]
        if len(states) != 1 or states[0].get("x-ms-visibility") != "internal" or states[0].get("required"):
            yield f"{place}: needs one internal parameter that keeps the state, and is not required"
            continue
        value = states[0]["x-ms-trigger-value"]
        collection, key = value["value-collection"], value["value-path"]
        if not answer_member(connector, operation, f"{collection}/{key}") or not answer_member(
            connector, operation, key
        ):
            yield f"{place}: the answer or its items have no {key}"
        expected = ({states[0]["name"]: f"@{{triggerBody().{key}}}"}, f"@triggerBody().{collection}")
        for file, policies in policies_of(connector, "pollingtrigger"):
            told = [p for p in policies if place in operations_of(p)]
            if [(policy_parameter(p, "triggerConfig"), policy_parameter(p, "triggerDataPath")) for p in told] != [
                expected
            ]:
                yield f"{file}: {place} needs one policy pollingtrigger that sends {key} back as {states[0]['name']}"


def dynamic_values_can_be_asked(connector: Connector) -> Complaints:
    """The operation is there, its required parameters are given, and its answer holds what is named."""
    known = by_operation_id(connector)
    for place, parameter in parameters(connector):
        if "x-ms-dynamic-values" not in parameter:
            continue
        asked = parameter["x-ms-dynamic-values"]
        operation = known.get(asked.get("operationId", ""))
        if operation is None:
            yield f"{place}: there is no operation {asked.get('operationId')}"
            continue
        taken = {p["name"]: p for p in operation.get("parameters", ())}
        demanded = {name for name, p in taken.items() if p.get("required")}
        if not demanded <= set(asked.get("parameters", {})) <= set(taken):
            yield f"{place}: gives {asked['operationId']} other parameters than it takes"
        for key in ("value-path", "value-title"):
            if not answer_member(connector, operation, f"{asked['value-collection']}/{asked[key]}"):
                yield f"{place}: the answer of {asked['operationId']} has no {asked[key]}"


def policies_fit_the_operations(connector: Connector) -> Complaints:
    """Each names operations that are there, and leads to a path with the parameters that they have."""
    paths = {operation.get("operationId"): path for path, _, operation in operations(connector)}
    for file, policies in policies_of(connector):
        for policy in policies:
            for name in operations_of(policy):
                if name not in paths:
                    yield f"{file}: a policy names {name}, which is no operation"
                    continue
                led_to = policy_parameter(policy, "newPath")
                if led_to and re.findall(r"{(\w+)}", led_to) != re.findall(r"{(\w+)}", paths[name]):
                    yield f"{file}: {name} is led to {led_to}, which has other parameters"

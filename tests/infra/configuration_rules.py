"""Rules for the app's plan and settings, and for parameters, outputs, tags and the files of the host."""

import json
import re
from collections.abc import Iterator

from bicep_files import Infra, jsonc, keys_of, limit_of

from atlas.settings import Settings

NOT_TAGGED = {
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.DurableTask/schedulers/taskHubs",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
    "Microsoft.Web/sites/config",
}
NOT_DEPLOYED = {
    "AZURE_CLIENT_SECRET": "a deployment contains no secret",
    "AZURE_CLIENT_CERTIFICATE_PATH": "the certificate comes from the key vault",
    "AZURE_AUTHORITY_HOST": "its default is the public cloud",
    "GRAPH_URL": "as above",
    "EXCHANGE_URL": "as above",
    "BOOKINGS_URL": "as above",
    "SSL_CERT_FILE": "only public certificate authorities",
    "AzureWebJobsStorage": "the account accepts no keys",
    "StatusStorage": "rows are in the storage of the host",
    "StatusStorage__tableServiceUri": "as above",
    "StatusStorage__clientId": "as above",
}
PLATFORM_SETTINGS = {
    "AzureWebJobsStorage__credential": "the host: access storage as an identity",
    "PYTHON_ENABLE_OPENTELEMETRY": "the worker: continue the host's traces",
    "AzureWebJobsStorage__blobServiceUri": "the host: its locks",
    "AzureWebJobsStorage__queueServiceUri": "the host: the queues of orchestrations",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING": "the Durable extension, in host.dts.json",
}
FAULTS = {"identityCannotReadTenant", "registrationIsMissing", "apiIsMissing", "retentionIsTooShort"}


def the_app_has_its_runtime_and_package(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    version = (infra.root / ".python-version").read_text().strip()
    if config["runtime"] != {"name": "python", "version": version}:
        yield f"app: runtime is {config['runtime']}, the project has Python {version}"
    if config["deployment"]["storage"]["authentication"]["type"] != "UserAssignedIdentity":
        yield "app: the package is not read with the identity"


def a_deployment_lets_running_functions_finish(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    strategy = infra.variable("modules/function-app.bicep", "rollingUpdate")
    if config.get("spread") != "rollingUpdate" or strategy != {"siteUpdateStrategy": {"type": "RollingUpdate"}}:
        yield f"app: update strategy is {config.get('spread')}, {strategy}"


def one_instance_is_ready_for_orchestrations(infra: Infra) -> Iterator[str]:
    config = infra.only("Microsoft.Web/sites")["properties"]["functionAppConfig"]
    [ready] = config["scaleAndConcurrency"]["alwaysReady"]
    if ready["name"] != "durable" or "alwaysReadyDurable" not in json.dumps(ready["instanceCount"]):
        yield f"app: alwaysReady is {ready}"
    parameter = infra.file("main.bicep")["parameters"]["alwaysReadyDurable"]
    if parameter["default"] != 1 or "USD a month" not in parameter["decorators"][0]["argument"]:
        yield "alwaysReadyDurable: not one by default, or its cost is not beside it"


def every_setting_is_deployed_or_has_a_reason(infra: Infra) -> Iterator[str]:
    known = {str(field.alias) for field in Settings.model_fields.values()}
    deployed = deployed_settings(infra)
    yield from (f"{name}: neither deployed nor excepted" for name in known - deployed - NOT_DEPLOYED.keys())
    yield from (f"{name}: deployed, but nothing reads it" for name in deployed - known - PLATFORM_SETTINGS.keys())
    yield from (
        f"{name}: excepted, but deployed or unknown"
        for name in NOT_DEPLOYED.keys() & deployed | NOT_DEPLOYED.keys() - known
    )
    yield from (
        f"{name}: a setting of the platform, but not deployed or ours"
        for name in PLATFORM_SETTINGS.keys() - deployed | PLATFORM_SETTINGS.keys() & known
    )


def deployed_settings(infra: Infra) -> set[str]:
    """The app settings of a deployment, of all its variants together."""
    file = infra.file("modules/function-app.bicep")
    [body] = [
        resource["config"] for resource in file["resources"].values() if resource["config"].get("name") == "appsettings"
    ]
    merged = set(re.findall(r"\w+Settings\b", json.dumps(body, default=str)))
    return {
        key
        for name in merged & file["variables"].keys()
        for key in keys_of(file["variables"][name]["value"])
        if re.fullmatch(r"[A-Z][A-Z_]+[A-Z]|AzureWebJobs\w+", key)
    }


def limits_and_defaults_match_the_app(infra: Infra) -> Iterator[str]:
    """A parameter that the app reads under another name in lower case has the app's limits and default."""
    parameters = infra.file("main.bicep")["parameters"]
    settings = {name: field for name, field in Settings.model_fields.items() if _camel(name) in parameters}
    for name, field in settings.items():
        parameter = parameters[_camel(name)]
        if name in ("tenant_id", "probe_concurrency", "not_set_up_markers", "exclude_users"):
            continue
        limits = {item["type"]: item["argument"] for item in parameter["decorators"] if item["type"] != "description"}
        due = {
            kind: limit
            for item in field.metadata
            for kind, limit in (("min_value", getattr(item, "ge", None)), ("max_value", getattr(item, "le", None)))
            if limit is not None
        }
        if (parameter["default"], limits) != (field.default, due):
            yield f"{name}: {parameter['default']} {limits}, in the app {field.default} {due}"
    if len(settings) < 7:
        yield f"only {settings.keys()} are compared"
    if size_of(infra, "small")["probeConcurrency"] != Settings.model_fields["probe_concurrency"].default:
        yield "probe_concurrency: not the default of the app in the smallest size"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def size_of(infra: Infra, size: str) -> dict[str, int]:
    sizes: dict[str, dict[str, int]] = infra.variable("main.bicep", "sizes")
    return sizes[size]


def every_parameter_is_described_and_typed(infra: Infra) -> Iterator[str]:
    for kind in ("parameters", "outputs"):
        for file, name, declaration in infra.declarations(kind):
            if not any(item["type"] == "description" for item in declaration["decorators"]):
                yield f"{file}: {name} has no description"
            if declaration["type"] in ("object", "array"):
                yield f"{file}: {name} is any {declaration['type']}"


def outputs_follow_the_style_of_azd(infra: Infra) -> Iterator[str]:
    names = infra.file("main.bicep")["outputs"]
    yield from (f"output {name}" for name in names if not re.fullmatch(r"[A-Z][A-Z_]*[A-Z]", str(name)))


def every_resource_is_tagged(infra: Infra) -> Iterator[str]:
    for file, kind, body in infra.resources():
        if not kind.startswith("Microsoft.Graph/") and ("tags" in body) == (kind in NOT_TAGGED):
            yield f"{file}: tags of {kind}"
    if infra.variable("main.bicep", "tags").get("'azd-env-name'") != "environmentName":
        yield "main.bicep: azd does not find its environment"
    if "'azd-service-name': 'atlas'" not in infra.text("modules/function-app.bicep"):
        yield "function-app.bicep: azd does not find the app"


def the_parameter_file_sets_every_parameter(infra: Infra) -> Iterator[str]:
    text = infra.text("main.bicepparam")
    parameters = {str(name) for name in infra.file("main.bicep")["parameters"]}
    assigned = dict(_assignments(text))
    yield from (f"{name}: in main.bicep or in main.bicepparam only" for name in assigned.keys() ^ parameters)
    yield from (
        f"{name}: keeps a blank after a comma"
        for name, value in assigned.items()
        if "split(" in value and "trim(" not in value
    )
    sizes = {str(name) for name in infra.variable("main.bicep", "sizes")}
    if sizes != set(
        re.findall(r"'(\w+)'", infra.text("modules/types.bicep").partition("type Size = ")[2].partition("\n")[0])
    ):
        yield f"sizes {sizes} are not those of the type"
    for name in sizes:
        if size_of(infra, name)["maximumInstanceCount"] < limit_of(infra, "alwaysReadyDurable", "max_value"):
            yield f"{name}: more instances may be ready than may exist"


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"^param (\w+) = (.+?)(?=\n(?:\n|param |//)|\n?\Z)", text, re.MULTILINE | re.DOTALL):
        yield found[1], found[2].strip()


def invalid_combinations_fail_first(infra: Infra) -> Iterator[str]:
    group = infra.file("main.bicep")["resources"]["group"]["config"]
    if "fail" not in json.dumps(group["tags"], default=str):
        yield "the resource group is created in spite of faults"
    faults = json.dumps(infra.variable("main.bicep", "faults"), default=str)
    yield from (f"{name}: not checked" for name in FAULTS if name not in faults)


def findings_of_the_linter_are_warnings(infra: Infra) -> Iterator[str]:
    """A newer compiler must not stop an operator. Our own check fails on any finding."""
    config = jsonc(infra.text("bicepconfig.json"))
    rules = config["analyzers"]["core"]["rules"]
    yield from (f"bicepconfig.json: {name}" for name, rule in rules.items() if rule != {"level": "warning"})
    extensions = [file.name for file in infra.files if re.search(r"^extension ", file.read_text(), re.MULTILINE)]
    if extensions != ["api.bicep", "main.bicep"] or "extension" in infra.text("main.bicep"):
        yield f"main.bicep builds offline only without an extension: {extensions}"
    if [path.name for path in infra.folder.rglob("bicepconfig.json")] != ["bicepconfig.json"]:
        yield "more than one bicepconfig.json"


def the_host_files_differ_only_in_storage(infra: Infra) -> Iterator[str]:
    storage, scheduler = (json.loads((infra.root / name).read_text()) for name in ("host.json", "host.dts.json"))
    provider = scheduler["extensions"]["durableTask"].pop("storageProvider")
    storage["extensions"]["durableTask"].pop("storageProvider")
    if storage != scheduler:
        yield "host.dts.json differs from host.json in more than its storageProvider"
    setting = provider.get("connectionStringName")
    if provider != {"type": "azureManaged", "connectionStringName": setting} or setting not in deployed_settings(infra):
        yield f"host.dts.json: {provider}"

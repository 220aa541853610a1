"""The package scans a tenant with its own code and Azure's libraries, without the checkout."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from azure_python import ROOT, Azure

from local.azurite import Azurite
from local.host.child import host_child
from tests.e2e.deployment import UNSET, Deployment, tenant_of

APP = ("activities", "api", "atlas", "function_app", "orchestrators")
WORKER = ("azure_functions_runtime", "azurefunctions")


def strangers(modules: Mapping[str, str], package: Path, host: Path, azure: Azure) -> Iterator[tuple[str, str]]:
    """The modules that did not come from where they come from in Azure."""
    for name, file in modules.items():
        top = name.split(".")[0]
        path = Path(file)
        if top in APP:
            home = package
        elif top in {"local", "sitecustomize"}:
            home = host
        elif top in WORKER:
            home = azure.worker
        elif path.is_relative_to(ROOT):
            home = azure.libraries
        else:
            continue  # Python's own
        if name != "__main__" and not path.is_relative_to(home):
            yield name, file


async def test_the_package_scans_a_tenant_without_the_checkout(
    package: Path, azure: Azure, host_alone: Path, tmp_path: Path, azurite: Azurite
) -> None:
    modules_file = tmp_path / "modules.json"
    async with tenant_of(tmp_path, users=64, mix="every") as tenant:
        given = {**tenant.settings(), "AzureWebJobsStorage": azurite.connection_string, "SHARED_PAGES": "false"}
        around = {"PYTHONPATH": str(host_alone), "PYTHONDONTWRITEBYTECODE": "1", "MODULES_FILE": str(modules_file)}
        with host_child(package, settings={**UNSET, **given, **around}, python=azure.python) as host:
            async with httpx.AsyncClient(base_url=host.url, timeout=60) as http:
                product = Deployment(tenant, host, http, given)
                scan = await product.scan()
                assert scan["state"] == "completed", host.log()
                rows, expected = await product.rows(), product.expected()

    assert {user_id: row["Status"] for user_id, row in rows.items() if row["PartitionKey"] == tenant.tenant_id} == {
        user_id: truth["status"] for user_id, truth in expected.items()
    }
    modules = json.loads(modules_file.read_text())
    assert modules.keys() >= set(APP)
    assert list(strangers(modules, package, host_alone, azure)) == []

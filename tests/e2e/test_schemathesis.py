"""Schemathesis sends every route valid and invalid requests; every response is a documented one."""

import asyncio
import json
import os
import sys
from pathlib import Path

from local.azurite import Azurite
from tests.e2e.deployment import deployed, tenant_of

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
LEFT_OUT = {
    "unsupported_method": "the Functions host itself responds to TRACE",
    "positive_data_acceptance": "`from` and `user` are free texts in the description, and are checked by the routes",
}


async def test_schemathesis_finds_no_failure(tmp_path: Path, azurite: Azurite) -> None:
    async with tenant_of(tmp_path, users=3) as tenant, deployed(tenant, azurite) as product:
        await product.scan()
        description = (await product.http.get("/api/swagger.json")).json()
        for operation in [operation for path in description["paths"].values() for operation in path.values()]:
            operation.pop("security", None)  # the local host requires no key
        description.pop("securityDefinitions")
        description.pop("security", None)
        (tmp_path / "swagger.json").write_text(json.dumps(description))
        found = await asyncio.create_subprocess_exec(
            *(SCHEMATHESIS, "run", "swagger.json", "--url", f"{product.host.url}/api", "--seed", "1", "--no-color"),
            *("--exclude-checks", ",".join(LEFT_OUT), "--max-examples", "8", "--request-timeout", "40"),
            *("--phases", "examples,coverage,fuzzing"),
            env={**os.environ, "COLUMNS": "160"},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await found.communicate()

    assert found.returncode == 0, output.decode()[-6000:]

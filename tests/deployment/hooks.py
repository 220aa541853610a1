"""A checkout in which the hooks of azd run with fake programs that record how they are called."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "infra" / "hooks"
SCRIPTS = sorted(HOOKS.glob("*.sh"))
SOURCED = {HOOKS / name for name in ("environment.sh", "registrations.sh", "app-roles.sh")}
"""Scripts that others source; they do not run alone."""
PRINCIPAL = "0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10"
CLIENT = "5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11"
REGISTRATION = "66666666-7777-4888-9999-000000000000"
CONNECTOR = "77777777-8888-4999-8aaa-111111111111"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SUBSCRIPTION = "11111111-2222-4333-8444-555555555555"
PROVISIONED = {
    "AZURE_ENV_NAME": "atlas",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
    "ATLAS_TENANT_ID": TENANT,
    "IDENTITY_CLIENT_ID": CLIENT,
    "IDENTITY_PRINCIPAL_ID": PRINCIPAL,
    "FUNCTION_APP_URL": "https://func-atlas.example",
    "RESOURCE_GROUP": "rg-atlas",
    "STORAGE_ACCOUNT_NAME": "statlas",
    "AZ_ACCOUNT_PRINTS": TENANT,
    "AZ_ACCOUNT_EXITS": "0",
}
FAKE = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
name = Path(sys.argv[0]).name
with Path(os.environ["CALLS"]).open("a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
def configured(what, default):
    command = f"{name}_{sys.argv[1]}" if len(sys.argv) > 1 else name
    return os.environ.get(f"{command}_{what}".upper(), os.environ.get(f"{name}_{what}".upper(), default))
print(configured("prints", ""))
sys.exit(int(configured("exits", "0")))
"""
"""AZ_PRINTS and AZ_EXITS: the output and exit code of `az`; AZ_ACCOUNT_PRINTS: the output of `az account` alone."""


@dataclass(frozen=True)
class Run:
    """The result of a hook: its exit code, its output, and the programs it called."""

    code: int
    output: str
    calls: list[list[str]]

    def of(self, program: str) -> list[list[str]]:
        return [arguments for name, *arguments in self.calls if name == program]

    @property
    def deployment(self) -> list[str]:
        """The only deployment."""
        [found] = [arguments for arguments in self.of("az") if arguments[0] == "deployment"]
        return found

    @property
    def granted(self) -> list[dict[str, str]]:
        """The app role assignments that were created."""
        return [json.loads(call[call.index("--body") + 1]) for call in self.of("az") if "POST" in call]


class Checkout:
    """A folder with the hooks, and fakes of the programs that they call."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HOOKS, folder / "infra" / "hooks")
        shutil.copy(ROOT / "infra" / "main.bicepparam", folder / "infra")
        for program in ("bin/az", "bin/azd", "bin/make", "bin/curl", "bin/sleep", ".venv/bin/atlas"):
            (folder / program).parent.mkdir(parents=True, exist_ok=True)
            (folder / program).write_text(FAKE.replace("/usr/bin/env python3", sys.executable))
            (folder / program).chmod(0o755)

    def run(self, hook: str, *arguments: str, **environment: str) -> Run:
        calls = self.folder / "calls"
        calls.write_text("")
        ended = subprocess.run(
            ["/bin/bash", self.folder / "infra" / "hooks" / hook, *arguments],
            env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "CALLS": str(calls), **PROVISIONED, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",  # azd does not promise a working directory
        )
        return Run(ended.returncode, ended.stdout, [json.loads(line) for line in calls.read_text().splitlines()])

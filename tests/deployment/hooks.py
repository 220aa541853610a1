"""A checkout in which the hooks of azd run beside programs that note how they are called."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "infra" / "hooks"
SCRIPTS = sorted(HOOKS.glob("*.sh"))
PRINCIPAL = "0b9e9d4c-4c1e-4a55-8a4e-6f1f5f5f2a10"
CLIENT = "5f8c5f8b-0c0f-4f5e-9d0c-3b1f6a0f2c11"
REGISTRATION = "66666666-7777-4888-9999-000000000000"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
PROVISIONED = {
    "AZURE_ENV_NAME": "atlas",
    "AZURE_LOCATION": "westeurope",
    "AZURE_SUBSCRIPTION_ID": "11111111-2222-4333-8444-555555555555",
    "ATLAS_TENANT_ID": TENANT,
    "IDENTITY_CLIENT_ID": CLIENT,
    "IDENTITY_PRINCIPAL_ID": PRINCIPAL,
    "FUNCTION_APP_URL": "https://func-atlas.example",
    "RESOURCE_GROUP": "rg-atlas",
    "AZ_ACCOUNT_SAYS": TENANT,
    "AZ_ACCOUNT_EXITS": "0",
}
FAKE = """#!/usr/bin/env python3
import json, os, sys
from pathlib import Path
name = Path(sys.argv[0]).name
with Path(os.environ["CALLS"]).open("a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:]]) + "\\n")
def told(what, default):
    command = f"{name}_{sys.argv[1]}" if len(sys.argv) > 1 else name
    return os.environ.get(f"{command}_{what}".upper(), os.environ.get(f"{name}_{what}".upper(), default))
print(told("says", ""))
sys.exit(int(told("exits", "0")))
"""
"""AZ_SAYS and AZ_EXITS: what `az` prints and how it ends; AZ_ACCOUNT_SAYS: the same of `az account` alone."""


@dataclass(frozen=True)
class Ran:
    """How a hook ended: its exit code, all that it said, and what it called."""

    code: int
    said: str
    calls: list[list[str]]

    def of(self, program: str) -> list[list[str]]:
        return [arguments for name, *arguments in self.calls if name == program]

    @property
    def deployment(self) -> list[str]:
        """The one deployment that it made."""
        [found] = [arguments for arguments in self.of("az") if arguments[0] == "deployment"]
        return found


class Checkout:
    """A folder with the hooks, and programs that note how they are called in place of the real ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(HOOKS, folder / "infra" / "hooks")
        for program in ("bin/az", "bin/azd", "bin/make", "bin/curl", "bin/sleep", ".venv/bin/atlas"):
            (folder / program).parent.mkdir(parents=True, exist_ok=True)
            (folder / program).write_text(FAKE.replace("/usr/bin/env python3", sys.executable))
            (folder / program).chmod(0o755)

    def run(self, hook: str, **environment: str) -> Ran:
        noted = self.folder / "calls"
        noted.write_text("")
        ended = subprocess.run(
            ["/bin/bash", self.folder / "infra" / "hooks" / hook],
            env={"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "CALLS": str(noted), **PROVISIONED, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd="/",  # azd starts hooks where it likes
        )
        return Ran(ended.returncode, ended.stdout, [json.loads(line) for line in noted.read_text().splitlines()])

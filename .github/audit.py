"""Checks the locked packages against published advisories: pip-audit for Python, npm audit for Node.

Exits with 1 if a package has a known vulnerability. Advisories that cannot be reached are reported as "not checked",
and with --required they are an error (exit code 2): a check that did not run must not look like one that passed.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON_LOCKS = ("requirements.txt", "requirements-dev.txt", ".github/requirements-supply-chain.txt")
NODE_LOCKS = ("local/azurite", "tests/infra/kusto")
BLOCKING = {"high", "critical"}
"""Severities that fail for npm, whose packages only run on a developer's machine. For Python, every one does."""


@dataclass(frozen=True)
class Report:
    """The result for one lock file."""

    lock: str
    packages: int = 0
    vulnerable: list[str] = field(default_factory=list)
    unchecked: str = ""

    def __str__(self) -> str:
        """One line for the terminal."""
        if self.unchecked:
            return f"{self.lock}: NOT CHECKED: {self.unchecked}"
        return f"{self.lock}: {self.packages} packages checked, {len(self.vulnerable)} vulnerable"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check every lock file and print the results."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--pip-audit", default=ROOT / ".local/supply-chain/bin/pip-audit", type=Path)
    parser.add_argument("--npm", default="npm")
    parser.add_argument("--required", action="store_true", help="fail if the advisories cannot be reached")
    options = parser.parse_args(arguments)
    reports = [
        *(python_report(lock, options.pip_audit) for lock in PYTHON_LOCKS),
        *(node_report(folder, options.npm) for folder in NODE_LOCKS),
    ]
    for report in reports:
        sys.stdout.write(f"{report}\n")
        sys.stdout.writelines(f"  {line}\n" for line in report.vulnerable)
    if any(report.vulnerable for report in reports):
        return 1
    return 2 if options.required and any(report.unchecked for report in reports) else 0


def python_report(lock: str, pip_audit: Path) -> Report:
    """Check one requirements file. pip-audit skips packages whose advisories it cannot get, and then succeeds."""
    output = _run(pip_audit, "--format=json", "--progress-spinner=off", "--disable-pip", "--require-hashes", "-r", lock)
    if not isinstance(output, dict):
        return Report(lock, unchecked="pip-audit returned no report; is the network available?")
    packages = output.get("dependencies", [])
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if skipped:
        return Report(lock, unchecked=f"PyPI returned no advisories for {len(skipped)} of {len(packages)} packages")
    return Report(lock, len(packages), list(_python_vulnerabilities(packages)))


def node_report(folder: str, npm: str) -> Report:
    """Check one package-lock.json."""
    lock = f"{folder}/package-lock.json"
    output = _run(npm, "audit", "--json", f"--prefix={folder}")
    if not isinstance(output, dict) or "vulnerabilities" not in output:
        return Report(lock, unchecked="the npm registry returned no advisories")
    vulnerable = [
        f"{name}: {found['severity']}"
        for name, found in output["vulnerabilities"].items()
        if found["severity"] in BLOCKING
    ]
    return Report(lock, output["metadata"]["dependencies"]["total"], vulnerable)


def _python_vulnerabilities(packages: list[dict[str, Any]]) -> Iterator[str]:
    for package in packages:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"


def _run(*command: str | Path) -> Any:
    try:
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        return json.loads(result.stdout)
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    sys.exit(main())

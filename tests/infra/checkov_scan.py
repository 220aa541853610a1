"""Runs checkov on the Bicep files, and fails on a file that checkov cannot parse: checkov itself would skip it.

It runs in an environment of its own (``make infra``), because checkov's dependencies conflict with the product's.
"""

import re
import sys
from pathlib import Path
from typing import Any

from checkov.arm.runner import Runner as ArmRunner  # noqa: F401 - registers the checks that Bicep shares with ARM
from checkov.bicep import parser
from checkov.bicep.runner import Runner
from checkov.runner_filter import RunnerFilter

INFRA = Path(__file__).parents[2] / "infra"
NOT_FLEX = "Flex Consumption has no such property, and rejects most of siteConfig"
NO_SITE = "intended for the configuration of a web app, not for app settings and Easy Auth"
BY_PARAMETER = "checkov does not follow parameters: privateNetworking decides"
EXCEPTIONS = {
    "CKV_AZURE_13": NO_SITE,
    "CKV_AZURE_17": "callers use a function key or a token; makers of flows have no client certificates",
    "CKV_AZURE_35": BY_PARAMETER,
    "CKV_AZURE_63": NO_SITE,
    "CKV_AZURE_65": NO_SITE,
    "CKV_AZURE_66": NO_SITE,
    "CKV_AZURE_78": f"{NOT_FLEX}; there is no FTP",
    "CKV_AZURE_80": NO_SITE,
    "CKV_AZURE_88": NO_SITE,
    "CKV_AZURE_109": BY_PARAMETER,
    "CKV_AZURE_206": "checkov does not follow parameters: storageSku decides; rows can be recreated by a scan",
    "CKV_AZURE_212": f"{NOT_FLEX}; alwaysReady sets the instances",
    "CKV_AZURE_213": f"{NOT_FLEX}; an availability test calls the health route",
    "CKV_AZURE_222": "Power Automate calls from the internet; a key or a token is required",
    "CKV_AZURE_225": "it needs two instances that are always ready; a scan that a zone interrupts resumes",
}
"""Findings that are accepted, with the reason."""
NOT_RUN = {"CKV_AZURE_189": "checkov fails on a value that depends on a parameter; privateNetworking closes the vault"}


class Parser(parser.BicepParser):
    """Parses Bicep, replacing what pycep and checkov 3.3 do not support: spreads, and types like ``string[]``."""

    def parse(self, text: str) -> Any:
        """The file as checkov expects it."""
        file = super().parse(text=re.sub(r"^( +)\.\.\.", r"\1spread: ", text, flags=re.MULTILINE))
        for kind in ("parameters", "outputs"):
            for declaration in file.get(kind, {}).values():
                if not isinstance(declaration["type"], str):
                    declaration["type"] = "array"
        return file


def problems() -> list[str]:
    """What needs fixing, one line each."""
    parser.BicepParser = Parser
    runner = Runner()
    report = runner.run(root_folder=str(INFRA), runner_filter=RunnerFilter(["bicep"], skip_checks=list(NOT_RUN)))
    unparsed = {path.resolve() for path in INFRA.rglob("*.bicep")} - {
        Path(path).resolve() for path in runner.definitions_raw
    }
    findings = {check.check_id for check in report.failed_checks}
    accepted = sum(check.check_id in EXCEPTIONS for check in report.failed_checks)
    sys.stdout.write(
        f"checkov: {len(report.passed_checks)} checks passed, {accepted} findings accepted with a reason\n"
    )
    return [
        *(f"{path}: checkov cannot parse it" for path in sorted(unparsed)),
        *(
            f"{check.file_path} {check.resource}: {check.check_id} {check.check_name}"
            for check in report.failed_checks
            if check.check_id not in EXCEPTIONS
        ),
        *(f"{name}: this exception is no longer needed" for name in EXCEPTIONS if name not in findings),
        *([] if report.passed_checks else ["no check passed: checkov found no resources"]),
    ]


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or 0)

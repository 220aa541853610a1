"""Runs checkov over the Bicep files, and fails where it could not read one: checkov itself would pass that file over.

It runs in an environment of its own (``make infra``), for what checkov depends on would not go with the product.
"""

import sys
from pathlib import Path
from typing import Any

from checkov.arm.runner import Runner as ArmRunner  # noqa: F401 - brings the checks that Bicep shares with ARM
from checkov.bicep import parser
from checkov.bicep.runner import Runner
from checkov.runner_filter import RunnerFilter

INFRA = Path(__file__).parents[2] / "infra"
NOT_FLEX = "Flex Consumption has no such switch, and refuses most of siteConfig"
NO_SITE = "meant for the configuration of a web app, and takes our app settings and Easy Auth for one"
BY_PARAMETER = "checkov does not follow parameters: privateNetworking decides"
EXCEPTIONS = {
    "CKV_AZURE_13": NO_SITE,
    "CKV_AZURE_17": "callers show a function key or a token; makers of flows have no client certificates",
    "CKV_AZURE_35": BY_PARAMETER,
    "CKV_AZURE_63": NO_SITE,
    "CKV_AZURE_65": NO_SITE,
    "CKV_AZURE_66": NO_SITE,
    "CKV_AZURE_78": f"{NOT_FLEX}; there is no FTP, and its credentials are closed by policy",
    "CKV_AZURE_80": NO_SITE,
    "CKV_AZURE_88": NO_SITE,
    "CKV_AZURE_109": BY_PARAMETER,
    "CKV_AZURE_206": "checkov does not follow parameters: storageSku decides; what is kept can be scanned again",
    "CKV_AZURE_212": f"{NOT_FLEX}; instances are a matter of alwaysReady",
    "CKV_AZURE_213": f"{NOT_FLEX}; an availability test asks the health route",
    "CKV_AZURE_222": "Power Automate calls from outside; a key or a token is the gate",
    "CKV_AZURE_225": "it would keep two instances ready all day; a scan that a zone cut short is taken up again",
}
"""What checkov objects to and stays as it is, with the reason."""
NOT_RUN = {"CKV_AZURE_189": "checkov fails on a value that hangs on a parameter; privateNetworking closes the vault"}


class NamedTypes(parser.BicepParser):
    """Reads Bicep, and names a type such as ``string[]`` by one word, which is all that checkov 3.3 takes."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """The file as checkov expects it."""
        file = super().parse(*args, **kwargs)
        for kind in ("parameters", "outputs"):
            for declaration in file.get(kind, {}).values():
                if not isinstance(declaration["type"], str):
                    declaration["type"] = "array"
        return file


def problems() -> list[str]:
    """What is to be mended, one line each."""
    parser.BicepParser = NamedTypes
    runner = Runner()
    report = runner.run(root_folder=str(INFRA), runner_filter=RunnerFilter(["bicep"], skip_checks=list(NOT_RUN)))
    unread = {path.resolve() for path in INFRA.rglob("*.bicep")} - {
        Path(path).resolve() for path in runner.definitions_raw
    }
    objections = {check.check_id for check in report.failed_checks}
    excepted = sum(check.check_id in EXCEPTIONS for check in report.failed_checks)
    sys.stdout.write(f"checkov: {len(report.passed_checks)} checks passed, {excepted} excepted with a reason\n")
    return [
        *(f"{path}: checkov cannot read it" for path in sorted(unread)),
        *(
            f"{check.file_path} {check.resource}: {check.check_id} {check.check_name}"
            for check in report.failed_checks
            if check.check_id not in EXCEPTIONS
        ),
        *(f"{name}: an exception that is not needed any more" for name in EXCEPTIONS if name not in objections),
        *([] if report.passed_checks else ["no check passed: checkov found nothing to look at"]),
    ]


if __name__ == "__main__":
    sys.exit("\n".join(problems()) or 0)

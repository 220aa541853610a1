"""Tells every complaint; the exit code is 1 where there is one."""

import sys

from connector.lint.files import read_connector
from connector.lint.rules import complaints_about


def main() -> int:
    """Tell every complaint; 1 where there is one."""
    found = complaints_about(read_connector())
    for rule, complaints in found.items():
        sys.stdout.writelines(f"{rule}: {complaint}\n" for complaint in complaints)
    return 1 if found else 0


sys.exit(main())

"""Installed as sitecustomize.py: writes the loaded modules and their files when the process ends."""

import atexit
import json
import os
import sys
from pathlib import Path


def write_modules() -> None:
    """Write name and file of every module that came from a file."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    Path(os.environ["MODULES_FILE"]).write_text(json.dumps({name: file for name, file in files.items() if file}))


if "MODULES_FILE" in os.environ:
    atexit.register(write_modules)

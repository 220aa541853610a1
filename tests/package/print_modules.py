"""Put on a Python's path as sitecustomize.py: tells at the end of the process which modules it has, and from where."""

import atexit
import json
import os
import sys
from pathlib import Path


def tell() -> None:
    """Write name and file of every module that came from a file."""
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    Path(os.environ["TELL_MODULES"]).write_text(json.dumps({name: file for name, file in files.items() if file}))


if "TELL_MODULES" in os.environ:
    atexit.register(tell)

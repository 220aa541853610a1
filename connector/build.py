"""Writes the connector's files anew from the description: ``python -m connector.build``."""

from connector.definition import definition
from connector.fill import DEFINITION, FILES, HERE, ICON, as_text
from connector.icon import png
from connector.properties import properties


def documents() -> dict[str, str]:
    """The text of every file that is derived from the description, by name."""
    return {
        DEFINITION: as_text(definition()),
        **{name: as_text(properties(sign_in)) for sign_in, name in FILES.items()},
    }


def main() -> None:
    """Write all of them, and the icon."""
    for name, text in documents().items():
        (HERE / name).write_text(text, encoding="utf-8")
    (HERE / ICON).write_bytes(png())


if __name__ == "__main__":
    main()

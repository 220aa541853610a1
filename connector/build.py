"""Writes the connector's files that are derived from the API's description: ``python -m connector.build``."""

from connector.agents import agents_definition, agents_properties
from connector.definition import definition
from connector.fill import AGENTS_DEFINITION, AGENTS_FILES, DEFINITION, FILES, HERE, as_text
from connector.properties import properties


def documents() -> dict[str, str]:
    """The text of every derived file, by name."""
    return {
        DEFINITION: as_text(definition()),
        **{name: as_text(properties(sign_in)) for sign_in, name in FILES.items()},
        AGENTS_DEFINITION: as_text(agents_definition()),
        **{name: as_text(agents_properties(sign_in)) for sign_in, name in AGENTS_FILES.items()},
    }


def main() -> None:
    """Write all of them."""
    for name, text in documents().items():
        (HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

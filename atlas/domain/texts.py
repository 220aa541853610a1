"""Texts of remote services, made fit to be stored and sent."""


def printable(text: str) -> str:
    """The text as a terminal may show it: no character of it moves the cursor or hides what follows."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def whole(text: str) -> str:
    """The text without halves of characters: JSON may hold them, where a name was cut; storage and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode()

"""Texts of remote services, made fit to be stored and sent."""


def whole(text: str) -> str:
    """The text without halves of characters: JSON may hold them, where a name was cut; storage and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode()

"""Row keys as the bounds of range reads."""


def first_key_after(key: str | None) -> str:
    """The smallest row key after this one; ``None`` or an empty key: the smallest of all.

    No key contains a character that sorts before ``!``.
    """
    return f"{key}!" if key else ""

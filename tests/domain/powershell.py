"""As much of PowerShell as the commands that the product prints: enough to run them on settings in a test."""

import re
from dataclasses import dataclass

SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"
"""What PowerShell takes for a single quote (``CharExtensions.IsSingleQuote``)."""
OUT_OF_PLACE = re.compile(f'["{SINGLE_QUOTES};`|&()]|.[$]')
BARE = re.compile(r"[^\s{}@=,]+")


class NotACommand(AssertionError):
    """A text that PowerShell would read as something else."""


@dataclass(frozen=True)
class Literal:
    """A text in quotes."""

    text: str


def tokens(line: str) -> list[str | Literal]:
    """The tokens of a command: words, signs, and texts in single quotes, as PowerShell's tokenizer ends them."""
    found: list[str | Literal] = []
    at = 0
    while at < len(line):
        character = line[at]
        if character in SINGLE_QUOTES:
            text, at = _literal(line, at + 1)
            found.append(Literal(text))
        elif character.isspace():
            at += 1
        elif character in "@{}=,":
            found.append(character)
            at += 1
        else:
            word = BARE.match(line, at)
            if word is None or OUT_OF_PLACE.search(word[0]):
                raise NotACommand(line)
            found.append(word[0])
            at = word.end()
    return found


def _literal(line: str, at: int) -> tuple[str, int]:
    text = ""
    while at < len(line):
        if line[at] not in SINGLE_QUOTES:
            text, at = text + line[at], at + 1
        elif at + 1 < len(line) and line[at + 1] in SINGLE_QUOTES:
            text, at = text + line[at], at + 2
        else:
            return text, at + 1
    raise NotACommand(f"a string that does not end: {line}")


@dataclass
class EwsSettings:
    """The settings of one scope, as ``Set-OrganizationConfig`` and ``Set-CASMailbox`` change them."""

    policy: str | None
    allowed: list[str]
    blocked: list[str]
    enabled: bool | None

    def run(self, command: str) -> None:
        """Run one command on these settings."""
        cmdlet, *rest = tokens(command)
        if cmdlet == "Set-CASMailbox":
            rest = rest[2:]  # -Identity and whose
        elif cmdlet != "Set-OrganizationConfig":
            raise NotACommand(command)
        while rest:
            name, rest = rest[0], rest[1:]
            match name, rest:
                case "-EwsEnabled", ["$true" | "$false" as value, *rest]:
                    self.enabled = value == "$true"
                case "-EwsApplicationAccessPolicy", [str(value), *rest]:
                    self.policy = value
                case "-EwsAllowList", _:
                    rest = _apply_change(self.allowed, rest)
                case "-EwsBlockList", _:
                    rest = _apply_change(self.blocked, rest)
                case _:
                    raise NotACommand(command)


def _apply_change(entries: list[str], rest: list[str | Literal]) -> list[str | Literal]:
    """Change a list by the ``@{Add=...}`` or ``@{Remove=...}`` that the tokens begin with; what follows it."""
    end = rest.index("}")
    match rest[:end]:
        case ["@", "{", "Add" | "Remove" as way, "=", *listed]:
            texts = [token.text for token in listed if isinstance(token, Literal)]
        case _:
            raise NotACommand(str(rest))
    lowered = [text.lower() for text in texts]
    stored = [entry for entry in entries if entry.lower() not in lowered]
    entries[:] = [*stored, *texts] if way == "Add" else stored
    return rest[end + 1 :]

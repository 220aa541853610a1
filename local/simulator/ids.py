"""Maps a user's index to a GUID and back without a table, so that a tenant of any size takes no memory."""

import hashlib
import math

_HALF_BITS = 61
_HALF = (1 << _HALF_BITS) - 1
_LOW_62 = (1 << 62) - 1
_ROUNDS = tuple(bytes([number]) for number in range(4))
_GENERATION_SHIFT = 40
_MAX = 1 << 56
"""Numbers encoded in a GUID are below this; a GUID that decodes to more is foreign."""


def key_of(seed: int, purpose: str) -> bytes:
    """Key of one family of GUIDs."""
    return hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=16).digest()


def guid_of(key: bytes, index: int, generation: int = 0) -> str:
    """A GUID that looks like version 4 and encodes an index and a generation."""
    number = _scramble(key, generation << _GENERATION_SHIFT | index)
    whole = (number >> 74) << 80 | 4 << 76 | (number >> 62 & 0xFFF) << 64 | 2 << 62 | number & _LOW_62
    text = f"{whole:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def index_of(key: bytes, guid: str) -> tuple[int, int] | None:
    """The index and generation that `guid_of` encoded; None for a GUID of another family."""
    try:
        whole = int(guid.replace("-", ""), 16)
    except ValueError:
        return None
    if whole >> 128 or whole >> 76 & 0xF != 4 or whole >> 62 & 3 != 2:
        return None
    number = _unscramble(key, (whole >> 80) << 74 | (whole >> 64 & 0xFFF) << 62 | whole & _LOW_62)
    if number >= _MAX:
        return None
    return number & (1 << _GENERATION_SHIFT) - 1, number >> _GENERATION_SHIFT


def _mask(key: bytes, salt: bytes, half: int) -> int:
    digest = hashlib.blake2b(half.to_bytes(8), digest_size=8, key=key, salt=salt).digest()
    return int.from_bytes(digest) & _HALF


def _scramble(key: bytes, number: int) -> int:
    left, right = number >> _HALF_BITS, number & _HALF
    for salt in _ROUNDS:
        left, right = right, left ^ _mask(key, salt, right)
    return left << _HALF_BITS | right


def _unscramble(key: bytes, number: int) -> int:
    left, right = number >> _HALF_BITS, number & _HALF
    for salt in reversed(_ROUNDS):
        left, right = right ^ _mask(key, salt, left), left
    return left << _HALF_BITS | right


class Shuffle:
    """A shuffled order of 0..count-1, in constant memory."""

    def __init__(self, seed: int, purpose: str, count: int) -> None:
        self.count = count
        step = int(count * 0.618) | 1
        while count and math.gcd(step, count) != 1:
            step += 1
        self._step = step
        self._start = int.from_bytes(key_of(seed, purpose)[:4]) % count if count else 0

    def __getitem__(self, place: int) -> int:
        return (place * self._step + self._start) % self.count

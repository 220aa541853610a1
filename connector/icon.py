"""Draws the icon: a calendar page with a place marked on it, on the brand colour, as PNG without a library."""

import struct
import zlib
from collections.abc import Callable

from connector.properties import BRAND_COLOUR

SIZE = 230
SAMPLES = 3
"""On each side of a pixel, so that edges are smooth."""

type Colour = tuple[int, int, int]
type Within = Callable[[float, float], bool]


def colour(text: str) -> Colour:
    """A colour by its web name, as in ``#0b5c55``."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def rounded(left: float, top: float, right: float, bottom: float, radius: float) -> Within:
    """A rectangle with round corners."""

    def within(x: float, y: float) -> bool:
        across = max(left + radius - x, 0, x - right + radius)
        down = max(top + radius - y, 0, y - bottom + radius)
        return across**2 + down**2 <= radius**2

    return within


def circle(centre_x: float, centre_y: float, radius: float) -> Within:
    """A disc."""
    return lambda x, y: (x - centre_x) ** 2 + (y - centre_y) ** 2 <= radius**2


def tip(centre_x: float, top: float, bottom: float, half_width: float) -> Within:
    """A triangle that points down."""
    return lambda x, y: top <= y <= bottom and abs(x - centre_x) <= half_width * (bottom - y) / (bottom - top)


BRAND = colour(BRAND_COLOUR)
PAPER = colour("#f7f4ec")
BAND = colour("#f0a830")
DAY = colour("#a9c9c4")
PLACE = colour("#c8402f")

LAYERS: tuple[tuple[Within, Colour], ...] = (
    (rounded(38, 50, 192, 196, 16), PAPER),
    (rounded(38, 50, 192, 92, 16), BAND),
    (rounded(38, 78, 192, 94, 0), BAND),
    (rounded(66, 34, 80, 68, 7), PAPER),
    (rounded(150, 34, 164, 68, 7), PAPER),
    *((rounded(x, y, x + 18, y + 18, 4), DAY) for y in (108, 136, 164) for x in (56, 90, 124, 158)),
    (circle(133, 124, 33), PAPER),
    (tip(133, 134, 190, 31), PAPER),
    (circle(133, 124, 27), PLACE),
    (tip(133, 133, 180, 25), PLACE),
    (circle(133, 124, 11), PAPER),
)
"""From the back to the front, on the brand colour."""


def pixels() -> bytes:
    """The picture row by row, three bytes a pixel."""
    return b"".join(bytes(_pixel(x, y)) for y in range(SIZE) for x in range(SIZE))


def png() -> bytes:
    """The picture as a PNG file without transparency."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    drawn, width = pixels(), SIZE * 3
    rows = b"".join(b"\0" + drawn[start : start + width] for start in range(0, len(drawn), width))
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts)


def _pixel(x: int, y: int) -> Colour:
    steps = [(number + 0.5) / SAMPLES for number in range(SAMPLES)]
    seen = [_colour_at(x + across, y + down) for down in steps for across in steps]
    red, green, blue = (round(sum(part) / len(seen)) for part in zip(*seen, strict=True))
    return red, green, blue


def _colour_at(x: float, y: float) -> Colour:
    return next((shade for within, shade in reversed(LAYERS) if within(x, y)), BRAND)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

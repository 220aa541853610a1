"""Divides the users of a tenant by object ID, so that listings in different orders can be joined in bounded memory."""

import re

HEX_START = re.compile("[0-9a-f]{4}")
BUCKETS = 250
"""A row of a listing has one column per bucket; Table Storage allows 252 besides the keys."""
USERS_PER_PAGE = 4000
"""How many users are joined and probed together, about: what one bucket holds in a tenant of a million users."""


def bucket_of(user_id: str) -> int:
    """The bucket of an Entra object ID. The IDs are random, so that all buckets receive about as many users.

    What is not an object ID belongs to the first bucket.
    """
    start = HEX_START.match(user_id)
    return int(start[0], 16) * BUCKETS >> 16 if start else 0


def page_count(users: int) -> int:
    """Into how many pages this many users are divided."""
    return max(1, min(BUCKETS, -(-users // USERS_PER_PAGE)))


def buckets_of_page(page: int, pages: int) -> range:
    """The buckets that the page with this number contains; the first page is 1."""
    return range(BUCKETS * (page - 1) // pages, BUCKETS * page // pages)

"""One page of a list, for every resource."""

from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.parameters import Digits, Expected, Text
from api.models.responses import INTERNAL, Response

MAX_PAGE_SIZE = 1000
DEFAULT_PAGE_SIZE = 100

PageSize = Annotated[
    int,
    Field(
        title="Page Size",
        description=f"The maximum number of items, from 1 to {MAX_PAGE_SIZE}.",
        ge=1,
        le=MAX_PAGE_SIZE,
    ),
    Digits,
]
LIMIT: Any = Field(
    None,
    title="Page Size",
    description=f"The maximum number of items, from 1 to {MAX_PAGE_SIZE}.",
    json_schema_extra={"default": DEFAULT_PAGE_SIZE},
)
"""The page size of a list that is also returned complete, as CSV."""
Continuation = Annotated[Text, Expected("the continuation of an earlier response")]
CONTINUATION: Any = Field(
    None, title="Continuation", description="The continuation of the previous page, to request the one after it."
)
Format = Literal["json", "csv"]
FORMAT: Any = Field(
    None,
    alias="format",
    title="Format",
    description="The media type of the response. By default, the one in the Accept header.",
)


class Page[Item](Response):
    """One page of a list."""

    value: list[Item] = Field(title="Items", description="The items on this page of the list.")
    continuation: str | None = Field(
        description="The value of the parameter that requests the next page; empty at the end.",
        json_schema_extra={**INTERNAL},
    )
    next_link: str | None = Field(
        description="The absolute URL of the next page; empty at the end.", json_schema_extra={**INTERNAL}
    )


class FeedPage[Item](Page[Item]):
    """One page of changes."""

    cursor: str = Field(
        description="The value of since that requests the changes after these.", json_schema_extra={**INTERNAL}
    )

"""A list in SharePoint, as the steps of a flow read and write it."""

from tests.connector.recipes import Document

type Item = dict[str, str]
"""The columns of one item, by name."""


class SharePointList:
    """A list whose column Title requires unique values."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def create(self, item: Item) -> None:
        """Add an item, as the step ``Create_item`` does."""
        assert item["Title"] not in self.items, "SharePoint refuses a second item with this title"
        self.items[item["Title"]] = {**item, "ID": f"id of {item['Title']}"}

    def get(self, title: str) -> Document:
        """The step ``Get_items`` with a filter for this title."""
        return {"Get_items": {"body": {"value": [self.items[title]] if title in self.items else []}}}

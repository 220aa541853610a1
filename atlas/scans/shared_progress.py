"""How far the stage of shared pages has come. Pure, and independent of the stage of personal pages."""

from dataclasses import dataclass, replace

from atlas.scans.messages import Message, SharedResult

WITHOUT_GRAPH = "whether they are published, their staff and their services"
WITHOUT_EXCHANGE = "who has access, and pages that Microsoft Graph does not list"


@dataclass(frozen=True, kw_only=True)
class SharedPages(Message):
    """What the stage has listed, what it could not read, and the results so far."""

    enabled: bool = True
    """``False``: SHARED_PAGES turns the inventory off."""
    first_listing: int = 1
    """Where the listing of mailboxes that was completed begins; an earlier one was abandoned."""
    has_graph: bool = False
    """Graph was listed, and is requested for each page."""
    has_exchange: bool = False
    """Exchange was listed to its end."""
    malformed: int = 0
    """Records of Exchange's listing that could not be read, so that some page may be missing in it."""
    truncated: bool = False
    """Graph cut its list off."""
    businesses: int = 0
    pages: int = 0
    unconfirmed: int = 0
    graph_problem: str | None = None
    exchange_problem: str | None = None
    failed: bool = False
    """A source that is enabled and permitted could not be read completely, so no page is marked as gone."""
    problems: tuple[str, ...] = ()

    @property
    def has_source(self) -> bool:
        """Whether any source was listed."""
        return self.has_graph or self.has_exchange

    def with_businesses(self, result: SharedResult) -> "SharedPages":
        """Graph was listed."""
        if not result.enabled:
            return SharedPages(enabled=False)
        return replace(self, has_graph=True, businesses=result.count, truncated=result.truncated)

    def with_mailboxes(self, result: SharedResult, first_listing: int) -> "SharedPages":
        """A page of Exchange's listing was read, or the last one."""
        malformed = self.malformed + result.malformed
        if result.has_next or not result.enabled:
            return replace(self, malformed=malformed)
        return replace(self, malformed=malformed, has_exchange=True, first_listing=first_listing)

    def with_pages(self, result: SharedResult) -> "SharedPages":
        """Some pages were inspected, or some rows compared with what was listed."""
        return replace(
            self, pages=self.pages + result.count, unconfirmed=self.unconfirmed + result.unconfirmed
        ).with_problem(result.problem)

    def with_problem(self, problem: str | None) -> "SharedPages":
        """The stage with one more warning."""
        return replace(self, problems=(*self.problems, problem)) if problem else self

    def without_graph(self, problem: str, *, permitted: bool) -> "SharedPages":
        """Graph could not be listed."""
        return replace(self, graph_problem=problem, failed=self.failed or permitted)

    def without_exchange(self, problem: str, *, permitted: bool) -> "SharedPages":
        """Exchange could not be listed to its end."""
        return replace(self, exchange_problem=problem, failed=self.failed or permitted)

    def gave_up(self, problem: str) -> "SharedPages":
        """The stage ends early; the rows of pages that it did not reach are unchanged."""
        return replace(self, failed=True).with_problem(
            f"The inventory of shared pages is incomplete: {problem.rstrip('.')}. Other rows are unchanged."
        )

    def warnings(self) -> list[str]:
        """The warnings about this stage."""
        graph, exchange = self.graph_problem, self.exchange_problem
        sentences = [
            graph and f"{graph.rstrip('.')}. Not known of shared pages: {WITHOUT_GRAPH}.",
            exchange and f"{exchange.rstrip('.')}. Not known of shared pages: {WITHOUT_EXCHANGE}.",
            self.malformed
            and f"Malformed mailboxes of shared pages in Exchange: {self.malformed:,}. No page is reported as missing "
            "there.",
            self.truncated
            and f"Microsoft Graph listed {self.businesses:,} shared pages, its limit. The scan found {self.pages:,}, "
            "requesting from Graph each page that only Exchange lists.",
            self.unconfirmed
            and f"Shared pages that were not listed, and may not be gone: {self.unconfirmed:,}. Their rows are "
            "unchanged.",
            *self.problems,
        ]
        return [sentence for sentence in sentences if sentence]

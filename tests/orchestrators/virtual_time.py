"""An event loop whose clock jumps to the next timer when nothing else is left to do: waits take no time."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For code without threads and sockets; a result from elsewhere could come after a jump."""

    def __init__(self) -> None:
        super().__init__()
        self._jumped = 0.0

    def time(self) -> float:
        """The real time, and all jumps."""
        return super().time() + self._jumped

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        scheduled: Any = self._scheduled  # type: ignore[attr-defined]
        if not ready and scheduled:
            self._jumped += max(0.0, scheduled[0].when() - self.time())
        super()._run_once()  # type: ignore[misc]


def run_in_virtual_time[Result](main: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that may wait for hours."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)

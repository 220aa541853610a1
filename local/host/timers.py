"""Timer functions: when each is due, by its NCRONTAB expression in UTC, and running it then."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from croniter import CroniterBadCronError, croniter

from local.host.records import TypedData
from local.host.settings import resolve
from local.host.worker import Function, InvocationFailed, Worker, report

# Longer sleeps would notice late that a laptop was asleep or its clock was set.
MAX_SLEEP_SECONDS = 30.0

_FIELD = re.compile(r"[0-9A-Za-z*,/\-]+")


class BadSchedule(Exception):
    """A timer's schedule cannot be used; the message says why. In Azure its function would not start either."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """An NCRONTAB expression: six fields with seconds first, or five without."""

    expression: str

    @classmethod
    def parse(cls, text: str, settings: Mapping[str, str]) -> "Schedule":
        """Parse a schedule, in which each %NAME% is replaced by that setting. Raises ``BadSchedule``."""
        try:
            expression = resolve(text, settings).strip()
        except KeyError as missing:
            raise BadSchedule(f"its schedule refers to the setting {missing}, which is not set") from missing
        fields = expression.split()
        if len(fields) not in {5, 6} or not all(_FIELD.fullmatch(field) for field in fields):
            raise BadSchedule(
                f"'{expression}' is not an NCRONTAB expression of five or six fields (TimeSpans are not simulated)"
            )
        schedule = cls(expression)
        try:
            schedule.after(datetime(2024, 1, 1, tzinfo=UTC))
        except CroniterBadCronError as error:
            raise BadSchedule(f"'{expression}' is not an NCRONTAB expression: {error}") from error
        return schedule

    def after(self, moment: datetime) -> datetime:
        """Return the first time after this moment at which the timer is due."""
        # day_or: if both are restricted, NCRONTAB requires the day of the month and the day of the week to match.
        times = croniter(self.expression, moment, second_at_beginning=True, day_or=False)
        due: datetime = times.get_next(datetime)
        return due


class Timer:
    """One timer function and its schedule."""

    def __init__(self, worker: Worker, function: Function, schedule: Schedule) -> None:
        self.function = function
        self.schedule = schedule
        self.last: datetime | None = None
        self._worker = worker

    async def run_forever(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Run the function whenever it is due. If it is still running, it is not started again."""
        if self.function.trigger.get("runOnStartup"):
            await self.run(clock())
        while True:
            due = self.schedule.after(clock())
            while (wait := (due - clock()).total_seconds()) > 0:  # noqa: ASYNC110 - only the clock says when it is due
                await asyncio.sleep(min(wait, MAX_SLEEP_SECONDS))
            await self.run(clock())

    async def run(self, now: datetime) -> bool:
        """Run the function once. Return False if it raised; the failure has then been reported."""
        argument = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": {
                "Last": (self.last or datetime(1, 1, 1, tzinfo=UTC)).isoformat(),
                "Next": self.schedule.after(now).isoformat(),
                "LastUpdated": (self.last or datetime(1, 1, 1, tzinfo=UTC)).isoformat(),
            },
            "IsPastDue": False,
        }
        self.last = now
        try:
            await self._worker.invoke(self.function, TypedData(json=json.dumps(argument)))
        except InvocationFailed as failure:
            report(f"timer {self.function.name}", failure)
            return False
        return True

"""The orchestrators of a scan: references down, counts up, waits on durable timers."""

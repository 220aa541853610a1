"""The flows of a scan: identities in, counts out, waiting on durable timers."""

"""The HTTP routes and the timer, one file per resource."""

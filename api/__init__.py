"""The doors: HTTP routes and the timer, one file a resource."""

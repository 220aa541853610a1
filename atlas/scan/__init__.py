"""The use cases: take the census, probe one user, close a scan, start, follow and stop scans, look one user up."""

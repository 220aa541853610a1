"""Use cases for personal pages: observe one user, record the result, look it up, list users, free times, the policy."""

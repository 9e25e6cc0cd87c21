"""Metrics and logs of the server. They contain no secret, and all that a caller controls is bounded."""

"""Talking to an API server: one connection, and caches that follow it."""

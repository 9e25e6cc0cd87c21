"""Talk to an API server: one client, reflectors that follow collections, and leader election."""

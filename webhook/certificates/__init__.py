"""Certificates: a local one made here, and the TLS settings that serve any."""

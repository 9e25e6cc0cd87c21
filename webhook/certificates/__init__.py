"""Certificates of the server: made for one machine, kept in a cluster's Secret, or read from files; and their TLS."""

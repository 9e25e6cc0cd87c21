"""Scans namespaces: what keeps their workloads from a profile, and whether they run. Reads, and never writes."""

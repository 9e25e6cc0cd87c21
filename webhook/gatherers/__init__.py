"""Gatherers: collect what is known of namespaces from manifests, a kubeconfig's cluster or live caches.

Each returns Snapshots and decides nothing.
"""

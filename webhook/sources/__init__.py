"""Where the state of namespaces comes from: manifests, or a live cluster."""

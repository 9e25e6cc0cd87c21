"""Where the state of namespaces comes from: manifests, or (later) a live cluster."""

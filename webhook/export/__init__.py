"""Translates the configuration to Kubernetes' own admission policies. It decides nothing: `patches/defaults` does."""

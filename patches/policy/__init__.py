"""The policy of a namespace, made of the configuration, its labels and its objects."""

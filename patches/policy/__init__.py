"""The policy of a namespace: the configuration, the namespace's labels, its LimitRanges, and what is known of it."""

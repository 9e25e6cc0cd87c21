"""All the I/O around the engine of `patches`: documents, cluster state, reviews, the server and the command line."""

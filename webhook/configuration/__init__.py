"""The configuration file: reading it, with errors that name file, line and field."""

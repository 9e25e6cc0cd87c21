"""The configuration file: read it, with errors that name file, line and field, and follow its changes."""

"""YAML and JSON documents: read as kubectl reads them, and written so that kubectl reads the same value back."""

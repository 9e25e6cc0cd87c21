"""YAML and JSON documents in and out: read as kubectl reads them, written so that it reads back the same."""

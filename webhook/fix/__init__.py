"""Writes defaults into manifests by insertion alone: every character that was there stays where it was."""

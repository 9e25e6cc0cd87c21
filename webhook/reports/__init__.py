"""Writes what commands find in the formats that other programs read: SARIF, JUnit, HTML, policy reports."""

"""What is run from a checkout only: not part of the package."""

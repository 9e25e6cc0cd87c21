"""What the server tells of itself: metrics and logs. Nothing secret, and nothing without bounds."""

"""The Pod Security Standards: levels and versions, one module per control, and the judge."""

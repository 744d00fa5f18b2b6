"""A host is chosen, an epoch raised, a start ordered, and asked about until its outcome is known."""

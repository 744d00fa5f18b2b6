"""Physical and guest networks, and their addresses."""

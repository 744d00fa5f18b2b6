"""What the cloud has and has promised."""

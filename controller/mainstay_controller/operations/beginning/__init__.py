"""What an empty cloud begins with."""

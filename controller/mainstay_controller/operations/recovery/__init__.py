"""What happens from the first silence of a host to the last restart of its guests."""

"""What every Mainstay process stands on."""

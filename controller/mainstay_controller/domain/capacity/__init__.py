"""What is promised to guests and what is left, counted from rows each time it is asked: there is no counter that could drift."""

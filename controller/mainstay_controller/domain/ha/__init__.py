"""Who is dead, how we know, and what follows from it.  Evidence in, actions out; no I/O, no clock."""

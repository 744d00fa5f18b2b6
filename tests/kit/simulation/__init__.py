"""A cloud in one thread: the code that ships, on a network, disks, machines, a database and clocks that do what a seed says."""

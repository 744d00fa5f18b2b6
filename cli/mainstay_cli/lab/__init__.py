"""A cloud of real hosts on one machine: namespaces with their own libvirtd, QEMU guests, BMCs and watchdogs, and ways to hurt them.

The promise: a host of the lab dies, hangs and loses its cables as a machine does, without touching the machine that carries it;
several labs live side by side; and `down` leaves nothing behind, whoever crashed.  Needs root; no KVM is needed or used."""

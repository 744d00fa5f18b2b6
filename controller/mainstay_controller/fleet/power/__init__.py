"""Power controllers (BMCs) of hosts: one port, a driver per kind."""

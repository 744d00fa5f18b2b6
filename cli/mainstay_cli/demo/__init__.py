"""A cloud of simulated hosts on this machine: a real controller and real agents over real mutual TLS, and hosts that can be hurt."""

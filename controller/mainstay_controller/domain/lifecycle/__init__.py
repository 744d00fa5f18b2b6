"""What may become of what: the state tables of hosts, virtual machines and incidents."""

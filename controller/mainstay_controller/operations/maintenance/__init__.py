"""What is taken out of service is emptied first: a host, a storage pool, a controller."""

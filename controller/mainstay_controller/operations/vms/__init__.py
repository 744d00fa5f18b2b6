"""What users do with virtual machines."""

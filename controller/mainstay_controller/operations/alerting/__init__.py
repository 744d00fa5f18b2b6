"""Alerts: answered, resolved, mailed and put away."""

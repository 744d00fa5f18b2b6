"""Who may ask: domains, accounts, users, roles, projects and their sessions."""

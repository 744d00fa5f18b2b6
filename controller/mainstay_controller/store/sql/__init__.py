"""The store on SQLite, PostgreSQL and MySQL/MariaDB through SQLAlchemy Core."""

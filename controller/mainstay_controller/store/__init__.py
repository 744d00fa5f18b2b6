"""The only room that speaks SQL; everybody else speaks in records and repositories."""

"""The history of the terminal's tables, run by Alembic: one line of numbered steps."""

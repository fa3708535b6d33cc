"""Runs steps of the history on the connection that `upgrade_database` gives; asked by Alembic."""

from __future__ import annotations

from alembic import context

if hasattr(context, "config"):  # not where this module is only looked at
    context.configure(
        connection=context.config.attributes["connection"],
        version_table=context.config.attributes["history"],
        transactional_ddl=False,  # the transaction is the caller's, and one for all steps
    )
    context.run_migrations()

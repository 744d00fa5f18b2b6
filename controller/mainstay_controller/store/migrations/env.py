"""Alembic's entry: runs the migrations on the connection that store.sql.engine hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from mainstay_controller.store.sql.tables import METADATA, JsonText, Utc


def render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(item, (JsonText, Utc)):
        autogen.imports.add("from mainstay_controller.store.sql.tables import JsonText, Utc")
        return f"{type(item).__name__}()"
    return False


context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_item=render_item)
with context.begin_transaction():
    context.run_migrations()

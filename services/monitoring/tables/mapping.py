"""What every table of schema `monitoring` is declared on."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from shared.database import schema_metadata
from shared.messaging.tables import add_toolbox_tables
from shared.writes import NewRow

metadata = schema_metadata("monitoring")
add_toolbox_tables(metadata)


class Row(NewRow, DeclarativeBase):
    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
    }

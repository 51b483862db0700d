"""What every table of schema `catalog` is declared on."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from shared.database import schema_metadata
from shared.messaging.tables import add_toolbox_tables

metadata = schema_metadata("catalog")
INSTANT = DateTime(timezone=True)


class Base(DeclarativeBase):
    metadata = metadata
    type_annotation_map = {
        str: Text,
        datetime: INSTANT,
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


add_toolbox_tables(metadata)

"""How Python types become columns in this schema."""

from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

from shared.database import schema_metadata
from shared.messaging.tables import add_toolbox_tables
from shared.writes import NewRow

metadata = schema_metadata("filing")
add_toolbox_tables(metadata)


class Row(NewRow, DeclarativeBase):
    metadata = metadata
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


Id = Annotated[UUID, mapped_column(primary_key=True)]
Code = Annotated[str, mapped_column(primary_key=True)]
Number = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]

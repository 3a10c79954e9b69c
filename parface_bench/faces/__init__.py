"""What a face is: landmark schemas, flips, regions, conversions, geometry."""

from parface_bench.faces.convert import conversions, convert, embed, flip_points, register_conversion
from parface_bench.faces.schema import Schema, get_schema, schema_names, schemas_with

__all__ = [
    "Schema",
    "conversions",
    "convert",
    "embed",
    "flip_points",
    "get_schema",
    "register_conversion",
    "schema_names",
    "schemas_with",
]

"""What a face is: landmark layouts, flips, regions, conversions, geometry."""

from parface_bench.faces.convert import conversions, convert, converts, embed, flip_points, register_conversion
from parface_bench.faces.layout import Layout
from parface_bench.faces.schema import Schema, adopt, get_schema, schema_names, schemas_with, unnamed

__all__ = [
    "Layout",
    "Schema",
    "adopt",
    "conversions",
    "convert",
    "converts",
    "embed",
    "flip_points",
    "get_schema",
    "register_conversion",
    "schema_names",
    "schemas_with",
    "unnamed",
]

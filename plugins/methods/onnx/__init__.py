"""Any landmark network in an ONNX file, and how well-known ones are fed and read."""

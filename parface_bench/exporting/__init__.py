"""Trained methods for use elsewhere: as ONNX graphs and as safetensors."""

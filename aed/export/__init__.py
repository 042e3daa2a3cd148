"""A trained model as one ONNX file that runs without torch."""

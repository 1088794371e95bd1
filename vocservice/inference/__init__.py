"""From clean text to raw scores: windows, the encoder, the heads, calibration, and the bundle that holds them."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read as onnxruntime is imported, which by default reports runs to its maker

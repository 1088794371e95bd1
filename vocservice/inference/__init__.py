"""From clean text to raw scores: windows, the encoder, the heads, calibration, and the bundle that holds them."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # onnxruntime reads this on import; by default it sends telemetry

"""From clean text to raw scores: windows, the encoder, the heads, calibration, and the bundle that holds them."""

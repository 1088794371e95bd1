"""From corpora to a bundle: readers, label maps, fit, calibrate, export, evaluate. Serving never imports this package."""

import vocservice.inference  # noqa: F401  before onnxruntime is imported anywhere here: it keeps its reports to its maker off

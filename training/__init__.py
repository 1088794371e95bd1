"""From corpora to a bundle: readers, label maps, fit, calibrate, export, evaluate. Serving never imports this."""

"""Files of feedback in, the same with labels out: over HTTP and as pages."""

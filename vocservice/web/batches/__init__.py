"""Files of feedback in, labelled files out: over HTTP and as pages."""

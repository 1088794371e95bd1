"""Results of the pipeline in, what is read of them out: analyses, vectors, columns of a workspace, issues, watches, events."""

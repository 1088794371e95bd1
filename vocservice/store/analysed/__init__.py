"""Results of the pipeline in, views of them out: analyses, vectors, columns of a workspace, issues, watches, events."""

"""Analysed records in, figures for an analyst out: the workbench, its charts, issues, themes, searches and watches."""

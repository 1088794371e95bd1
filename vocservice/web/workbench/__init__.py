"""Analysed records in, figures for an analyst out: the workbench with its charts, issues, themes, searches and watches."""

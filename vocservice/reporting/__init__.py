"""Analysed records in, an analyst's figures and one self-contained page out; independent of web and store."""

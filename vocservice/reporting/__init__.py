"""Analysed records in, an analyst's figures and one self-contained page out; knows neither the web nor the store."""

"""Large jobs of `voc classify`: records in, results in order out, in shards that survive the end of the process.

`plan` says what decides an output, `shards` keeps what is done, an engine (`engines`) does the rest, `manifest` tells how it was made.
"""

"""Large jobs of `voc classify`: records in, results in order out, in shards that survive a crash.

`plan` describes what determines an output, `shards` stores finished work, engines (`engines`) do the rest, `manifest` documents the run.
"""

"""Queued work in, finished work out: the processes beside the web server that analyse, fetch and deliver.

`worker` takes jobs; each kind has its own module. Nothing here handles incoming HTTP requests.
"""

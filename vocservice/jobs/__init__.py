"""Work that is waiting in, work done out: the processes beside the web server that analyse, fetch and deliver.

`worker` takes the work; each kind of it has a module of its own. Nothing here knows of HTTP requests that come in.
"""

"""Queued jobs in, finished work out: `voc worker`, until it is stopped."""

import click

from vocservice.settings import load_settings


@click.command()
@click.option("--once", is_flag=True, help="Stop when nothing is due.")
@click.option("--bundle", help="Version under models/, or path, to use instead of the promoted one.")
@click.option("--processes", type=click.IntRange(1, 64), help="Run this many workers, each a process with its own model.")
@click.option("--parent", type=int, help="With --processes: stop when this process is no longer the parent.")
def worker(once: bool, bundle: str | None, processes: int | None, parent: int | None) -> None:
    """Process the queue of the store: analyse, fetch, deliver.

    On SIGTERM it finishes its current work and gives back the rest.
    """
    if processes and once:
        raise click.UsageError("--once is for a worker in this process, without --processes")
    from vocservice.web.logs import configure_logs

    settings = load_settings()
    configure_logs(settings.log_level)
    if processes is None:
        from vocservice.jobs.process import run_worker

        run_worker(settings, bundle=bundle, once=once)
        return
    from vocservice.jobs.supervisor import WORKER, Supervisor, run_supervisor

    command = (*WORKER, *(("--bundle", bundle) if bundle else ()))
    run_supervisor(Supervisor(processes, command=command, parent=parent, grace=settings.jobs.grace_seconds))

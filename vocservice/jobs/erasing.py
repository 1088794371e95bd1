"""The hash of a customer's key in, batches that may name the customer ended and their files deleted.

Batches are deleted as a whole: a result belongs to its manifest, and can be made again from a file without the customer.
The rows are updated first, in one transaction with the audit log and the job. If a worker is killed
after that, any worker's next look deletes the files; if before, the job remains.
"""

from datetime import timedelta
from functools import partial
from itertools import chain

from vocservice.batch import named
from vocservice.batch.inputs import Inputs, Selection
from vocservice.errors import InputError
from vocservice.jobs.places import places_of
from vocservice.records import Json
from vocservice.settings import BatchSettings
from vocservice.store import audit, jobs
from vocservice.store.audit import Act
from vocservice.store.jobs import Job, Lease
from vocservice.store.opened import Store
from vocservice.store.received import batches
from vocservice.store.received.batch_files import BatchFiles
from vocservice.store.received.batches import DRAFT, Batch

MAX_ATTEMPTS = 20


class Erasing:
    """Searches the files of a workspace's batches for an erased customer."""

    def __init__(self, store: Store, settings: BatchSettings):
        self._store, self._settings = store, settings

    def run(self, job: Job, lease: Lease) -> None:
        """Search, and end batches that name the customer; idempotent.

        Raises:
            StoreError: the database does not answer.
        """
        with self._store.database.read() as connection:
            kept = batches.kept(connection, job.workspace_id)
        hash_of = partial(self._store.vault.subject_hash, job.workspace_id)
        naming = [batch.id for batch in kept if names(batch, files_of(self._settings.folder, batch), job.target, hash_of)]
        with self._store.database.write() as connection:
            if not jobs.finish(connection, lease, job.id):
                return  # the lease was lost, and another worker continues
            gone = batches.end_erased(connection, naming, keep=timedelta(days=self._settings.keep_days))
            details = {"searched": len(kept), "batches": gone}
            audit.write(connection, job.workspace_id, Act(job.payload["actor"], "subject_erased_in_files", job.workspace_id, details))
        for batch_id in gone:
            BatchFiles.of(self._settings.folder, job.workspace_id, batch_id).remove()


def names(batch: Batch, files: BatchFiles, hashed: str, hash_of: named.Hash) -> bool:
    """Whether the files of a batch may name a customer. Unsearchable files count as naming them: unreadable inputs, files
    labelled by an earlier release, and drafts, whose columns are not chosen yet."""
    if batch.status == DRAFT:
        return True
    if (found := noted_in(batch, files, hashed)) is not None:
        return found
    try:
        is_there = _is_in_input(batch, files, hashed, hash_of)
    except InputError:
        is_there = not files.is_empty()
    found = noted_in(batch, files, hashed)  # a worker may have counted it, ended it and deleted files meanwhile
    return is_there if found is None else found


def told(store: Store, folder: str, workspace_id: str, subject: str) -> list[Json]:
    """The stored batches that name a customer; `names_customer` is None before a worker has counted them."""
    with store.database.read() as connection:
        kept = batches.kept(connection, workspace_id)
    hashed = store.vault.subject_hash(workspace_id, subject)
    places = ((batch, files_of(folder, batch)) for batch in kept)
    found = ((batch, noted_in(batch, files, hashed)) for batch, files in places if not files.is_empty())
    return [
        {"id": batch.id, "name": batch.name, "status": batch.status, "created_at": batch.created_at.isoformat(), "names_customer": is_named}
        for batch, is_named in found
        if is_named is not False
    ]


def noted_in(batch: Batch, files: BatchFiles, hashed: str) -> bool | None:
    """Whether a counted batch names a customer; None if not counted yet."""
    try:
        return named.holds(files.named(batch.options.format), hashed)
    except FileNotFoundError:
        return None


def files_of(folder: str, batch: Batch) -> BatchFiles:
    """The folders of batches."""
    return BatchFiles.of(folder, batch.workspace_id, batch.id)


def _is_in_input(batch: Batch, files: BatchFiles, hashed: str, hash_of: named.Hash) -> bool:
    selection = Selection(mapping=batch.mapping, sheet=batch.options.sheet)
    with Inputs.open(places_of(batch, files), selection, is_table=False) as inputs:
        return named.is_among(chain(inputs, inputs.turns()), hashed, hash_of)

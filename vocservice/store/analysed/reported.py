"""Columns of a workspace and a row mask in, the report of these records out: the only place that builds reports from a store."""

from sqlalchemy import Connection

from vocservice.reporting.columns import Columns
from vocservice.reporting.frame import Bools, Frame
from vocservice.reporting.report import Report, Wish, report_of
from vocservice.reporting.rows import Row, read_rows
from vocservice.store.analysed.anchors import anchors
from vocservice.store.analysed.reading import StoredRows


def reported(
    connection: Connection, workspace_id: str, columns: Columns, mask: Bools, wish: Wish, *, counted: Bools | None = None
) -> Report:
    """The whole report of the rows of a mask.

    Args:
        connection: to the store.
        workspace_id: whose records they are.
        columns: of the workspace.
        mask: its rows.
        wish: what the reader asks for.
        counted: the rows among which left-out records are counted, if for a period only.

    Raises:
        InputError: a value to compare by is not in the records.
    """
    frame, rows = columns.frame(mask, segments=wish.named), StoredRows(connection, workspace_id, columns.ids)
    return report_of(
        frame, rows, columns.skipped(mask if counted is None else counted), wish, anchors=anchors_for(connection, workspace_id, frame)
    )


def anchors_for(connection: Connection, workspace_id: str, frame: Frame) -> tuple[Row, ...]:
    """The anchor set, read only if labels of several models or taxonomies are mixed."""
    is_mixed = max(len(frame.model.names), len(frame.version.names)) > 1
    return tuple(read_rows(anchors(connection, workspace_id)).rows) if is_mixed else ()

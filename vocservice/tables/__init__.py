"""Files in, records out, and results back into files: the streaming file layer of `voc classify`.

`read(path)` returns a `Source` of `RawVerbatim | Rejected` with its facts; `open_writer(path, facts=source.facts)` takes
the `Analysis | Rejected` of each in the same order.
"""

from vocservice.tables.intake import read
from vocservice.tables.output import Writer, check_output, open_writer
from vocservice.tables.record import parse_record
from vocservice.tables.source import Facts, Source

__all__ = ["Facts", "Source", "Writer", "check_output", "open_writer", "parse_record", "read"]

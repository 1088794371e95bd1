"""The shape of a body in, the body of the request in it out; what does not fit is told by the names of fields, never by a value."""

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from vocservice.web.problems import RequestError
from vocservice.web.requests.body import read_json
from vocservice.web.state import state


class Body(BaseModel):
    """What a client writes: no field that is not asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Shape = TypeVar("_Shape", bound=Body)


def read_shaped(shape: type[_Shape]) -> _Shape:
    """The body of the request.

    Raises:
        RequestError: it has another shape (`invalid_type`).
    """
    try:
        return shape.model_validate(read_json(request, max_bytes=state().limits.max_body_bytes))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False))
        raise RequestError(f"the body does not fit: {faults}"[:1000], code="invalid_type", status=422) from None

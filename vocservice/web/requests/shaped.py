"""A model and a request in, the validated body out; errors name fields, never values."""

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from vocservice.web.problems import RequestError
from vocservice.web.requests.body import read_json
from vocservice.web.state import state


class Body(BaseModel):
    """A body sent by a client; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Shape = TypeVar("_Shape", bound=Body)


def read_shaped(shape: type[_Shape]) -> _Shape:
    """Parse the body of the request.

    Raises:
        RequestError: it has another shape (`invalid_type`).
    """
    try:
        return shape.model_validate(read_json(request, max_bytes=state().limits.max_body_bytes))
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors(include_input=False))
        raise RequestError(f"the body does not fit: {faults}"[:1000], code="invalid_type", status=422) from None

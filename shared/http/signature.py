"""What an endpoint's signature asks for, read once at the start and followed on every call.

FastAPI reads the signature and describes it; it takes no part in a call. What its own way can do
beyond this (forms, generators, threads, overrides) no operation needs, and it costs more than the
call itself: a signature that asks for it fails the start.
"""

import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Final, TypeAlias, Union, get_args, get_origin

from fastapi.dependencies.models import Dependant
from fastapi.exceptions import ResponseValidationError
from fastapi.params import Body
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from shared.http.problems import FieldErrors, invalid_request

JSON: Final = "application/json"
_ABSENT: Final = object()
_UNSHARED = (list, dict, set)

Field: TypeAlias = Any  # FastAPI's, which it does not export
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One value of the path, the query or the body, and what stands for it when it is absent."""

    field: Field
    place: tuple[str, ...]
    repeated: bool
    required: bool
    default: Any

    @classmethod
    def read(cls, field: Field, place: str) -> "_Parameter":
        info = field.field_info
        return cls(
            field=field,
            place=(place,) if place == "body" else (place, field.alias),
            repeated=_is_list(info.annotation),
            required=info.is_required(),
            default=None if info.is_required() else field.get_default(),
        )

    def take(self, given: Any, values: dict[str, Any], errors: FieldErrors) -> None:
        if given is not _ABSENT:
            value, wrong = self.field.validate(given, loc=self.place)
            if wrong:
                errors.extend(wrong)
            else:
                values[self.field.name] = value
        elif self.required:
            errors.append({"type": "missing", "loc": self.place})
        else:
            shared = not isinstance(self.default, _UNSHARED)
            values[self.field.name] = self.default if shared else self.field.get_default()


@dataclass(frozen=True, slots=True)
class _Signature:
    """The arguments of an endpoint or of one of its dependencies."""

    call: Callable[..., Any]
    dependencies: tuple[tuple[str, "_Signature"], ...]
    path: tuple[_Parameter, ...]
    query: tuple[_Parameter, ...]
    body: tuple[_Parameter, ...]
    request: str | None
    response: str | None

    def query_parameters(self) -> Iterator[_Parameter]:
        """Its own and those of its dependencies."""
        yield from self.query
        for _, dependency in self.dependencies:
            yield from dependency.query_parameters()

    @classmethod
    def read(cls, dependant: Dependant, *, endpoint: bool) -> "_Signature":
        call = dependant.call
        bodies = [field.field_info for field in dependant.body_params]
        unusual = (
            inspect.iscoroutinefunction(call) is not endpoint
            or inspect.isgeneratorfunction(call)
            or inspect.isasyncgenfunction(call)
            or len(bodies) > endpoint
            or any(type(body) is not Body or body.embed for body in bodies)
            or dependant.header_params
            or dependant.cookie_params
            or dependant.background_tasks_param_name
            or dependant.http_connection_param_name
            or dependant.security_scopes_param_name
        )
        if call is None or unusual:
            raise TypeError(f"{call} asks for what no operation is given")
        return cls(
            call=call,
            dependencies=tuple(
                (each.name or "", cls.read(each, endpoint=False)) for each in dependant.dependencies
            ),
            path=tuple(_Parameter.read(field, "path") for field in dependant.path_params),
            query=tuple(_Parameter.read(field, "query") for field in dependant.query_params),
            body=tuple(_Parameter.read(field, "body") for field in dependant.body_params),
            request=dependant.request_param_name,
            response=dependant.response_param_name,
        )

    def arguments(
        self, request: Request, response: Response, errors: FieldErrors
    ) -> dict[str, Any]:
        """The values by name; what is wrong with them is added to `errors`."""
        values: dict[str, Any] = {}
        for name, dependency in self.dependencies:
            before = len(errors)
            asked = dependency.arguments(request, response, errors)
            if len(errors) == before:
                values[name] = dependency.call(**asked)
        for parameter in self.path:
            parameter.take(request.path_params[parameter.place[1]], values, errors)
        if self.query:
            given = request.query_params
            for parameter in self.query:
                name = parameter.place[1]
                if name not in given:
                    parameter.take(_ABSENT, values, errors)
                else:
                    value = given.getlist(name) if parameter.repeated else given[name]
                    parameter.take(value, values, errors)
        for parameter in self.body:
            parameter.take(getattr(request, "_json", _ABSENT), values, errors)
        if self.request is not None:
            values[self.request] = request
        if self.response is not None:
            values[self.response] = response
        return values


def handler(route: APIRoute) -> Handler:
    """The endpoint of a route as a function of the request.

    Raises `invalid_request` (422) with all that is wrong with path, query and body.
    """
    signature = _Signature.read(route.dependant, endpoint=True)
    repeated = {each.place[1]: each.repeated for each in signature.query_parameters()}
    answer: Field = route.response_field

    async def handle(request: Request) -> Response:
        response = Response(status_code=route.status_code or 200, media_type=JSON)
        errors = _strays(request, repeated) if request.scope["query_string"] else []
        arguments = signature.arguments(request, response, errors)
        if errors:
            raise invalid_request(errors)
        result = await signature.call(**arguments)
        if isinstance(result, Response):
            return result
        if answer is not None:
            if type(result) is not answer.field_info.annotation:  # it was validated when made
                result, wrong = answer.validate(result, loc=("response",))
                if wrong:
                    raise ResponseValidationError(wrong)
            response.body = answer.serialize_json(result)
            response.headers["content-length"] = str(len(response.body))
        return response

    return handle


def _strays(request: Request, repeated: Mapping[str, bool]) -> FieldErrors:
    """A misspelt filter must not answer with everything, nor may one of two values just win."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    return [
        {"type": "extra_forbidden" if name not in repeated else "repeated", "loc": ("query", name)}
        for name, count in counts.items()
        if name not in repeated or (count > 1 and not repeated[name])
    ]


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return any(map(_is_list, get_args(annotation)))
    return origin is list

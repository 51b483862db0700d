"""One trace through HTTP, SQL, outbox and NATS; off unless `GFT_TRACE_SAMPLE` is above zero."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.settings import Settings


@contextmanager
def traced(service: str, settings: Settings, _engine: AsyncEngine) -> Iterator[None]:
    """Export spans over OTLP while the service runs; endpoints come from OTEL_* variables."""
    if settings.trace_sample == 0:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create({"service.name": service}),
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample)),
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    AsyncPGInstrumentor().instrument()  # type: ignore[no-untyped-call]  # it ships no types
    try:
        yield
    finally:
        AsyncPGInstrumentor().uninstrument()  # type: ignore[no-untyped-call]  # it ships no types
        provider.shutdown()

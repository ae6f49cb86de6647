//! One span a use case, for whoever collects traces (OpenTelemetry): a call, an event that a service heard, an answer
//! that was decided about.
//!
//! The caller's `traceparent` begins it, and the span's own goes on: with the entry of the journal to whoever hears
//! of it, and back with what they answer. So a filing and its release are one trace, whichever processes and
//! agencies they went through. Nothing is made unless the window was told where to send spans; then what callers
//! said goes on as it is. A span says which service did what and how it ended, and nothing of what was declared.

use std::sync::OnceLock;

use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status as SpanStatus, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, global};

static TRACER: OnceLock<BoxedTracer> = OnceLock::new();

/// From now on spans are made; the process has installed where they go.
pub fn collect() {
    // Whoever asks a second time asks for the same.
    let _before = TRACER.set(global::tracer("single-window"));
}

/// A use case under way; it ends when it is dropped.
#[derive(Debug)]
pub struct UseCaseSpan(Option<global::BoxedSpan>);

impl UseCaseSpan {
    /// Begins one. `name` says what is done; `parent` is the `traceparent` that it came with.
    pub fn begin(service: &'static str, name: impl Into<String>, parent: &str) -> Self {
        Self(TRACER.get().map(|tracer| {
            let context = match read(parent) {
                Some(parent) => Context::new().with_remote_span_context(parent),
                None => Context::new(),
            };
            let span = tracer
                .span_builder(name.into())
                .with_kind(SpanKind::Server)
                .with_attributes([KeyValue::new("single_window.service", service)]);
            tracer.build_with_context(span, &context)
        }))
    }

    /// The `traceparent` of what follows from it; that which it came with, where no spans are made.
    pub fn trace(&self, parent: String) -> String {
        self.0.as_ref().map_or(parent, |span| write(span.span_context()))
    }

    /// Says something more of it: which kind of caller, which agency. Never a person, a firm or a number.
    pub fn record(&mut self, key: &'static str, value: impl std::fmt::Debug) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, format!("{value:?}")));
        }
    }

    /// It ended with this error.
    pub fn fails(&mut self, code: impl std::fmt::Debug) {
        self.record("error.type", code);
        if let Some(span) = &mut self.0 {
            span.set_status(SpanStatus::error(""));
        }
    }
}

/// The header of W3C Trace Context: version, trace, span, flags.
fn read(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (span, flags) = (parts.next()?, parts.next()?);
    let whole = version == "00" && (trace.len(), span.len(), flags.len()) == (32, 16, 2);
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    (whole && parts.next().is_none() && context.is_valid()).then_some(context)
}

fn write(context: &SpanContext) -> String {
    let flags = context.trace_flags().to_u8();
    format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_nothing_else_is_one() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(write(&read(header).expect("it is one")), header);
        for wrong in [
            "",
            "00-1",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        // Where no spans are made, what the caller said goes on.
        let span = UseCaseSpan::begin("tests", "Nothing", "");
        assert_eq!(span.trace("as it came".to_owned()), "as it came");
    }
}

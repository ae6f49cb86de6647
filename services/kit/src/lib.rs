//! What every service stands on, once for all of them.
//!
//! What it promises: a loop is never stopped by one item. What fails by its own fault is tried a few times
//! and then set aside, durably and with its reason, until people try it again or give it up; what is about
//! the same subject waits behind it in order, and everything else goes on. What fails because something
//! is away waits and is not counted. A loop that makes no progress says so.
//!
//! Read [`service`], which says what a service is and how it is mounted; [`rpc`], which stands around every
//! call, and [`watch`], for calls that follow a journal; [`deliver`], which does what stands in a queue;
//! [`listen`], which takes what comes over the exchange, and [`event_head`], how that begins; [`progress`], which knows whether a loop stands still;
//! and [`stuck`], which shows what was set aside; [`api_keys`], by which programs without a certificate are
//! known, and [`operation`], the calls of administrators. [`person_key`] finds persons without their numbers.

pub mod api_keys;
pub mod deliver;
pub mod event_head;
pub mod follow;
pub mod listen;
pub mod operation;
pub mod pending_answers;
pub mod person_key;
pub mod progress;
pub mod queue_source;
pub mod rpc;
pub mod service;
pub mod stuck;
pub mod use_case;
pub mod watch;

//! The window as a program: configuration, TLS, roles, sandbox and command line. Only this crate
//! reads the environment, installs globals and spawns.

pub mod bench;
mod bodies;
pub mod callers;
pub mod certificates;
mod clock;
pub mod command_line;
pub mod connection;
mod data_keys;
mod database;
pub mod files;
mod frames;
pub mod http;
pub mod identity;
mod json;
pub mod listen;
mod logs;
mod pages;
mod problem;
pub mod quotas;
pub mod run;
pub mod sandbox;
mod service_args;
mod services;
pub mod signals;
pub mod space;
mod standing;
pub mod tasks;
pub mod tls;
mod unproven;
pub mod unread;
mod web_console;

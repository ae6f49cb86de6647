//! Windows and databases on hosts of their own: network namespaces of this machine, which only root can make.

mod apart;
mod database;
mod failover;
mod network;

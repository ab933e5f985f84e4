//! What runs a mount beside people: configuration files, fstab, systemd's units and notifications, batch jobs, and those
//! who watch. The real program, the real kernel, the embedded server. Needs root and /dev/fuse.

#[path = "operation/batch.rs"]
mod batch;
#[path = "operation/boot.rs"]
mod boot;
#[path = "operation/config.rs"]
mod config;
#[path = "operation/doctor.rs"]
mod doctor;
#[path = "command/house.rs"]
mod house;
#[path = "operation/pages.rs"]
mod pages;
#[path = "operation/watch.rs"]
mod watch;

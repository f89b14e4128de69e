//! End to end: the real application on a desktop, driven as a person drives it, with a real keyring.
//!
//! What a session's window shows is no driver's business (that is the point of it): it is asked from
//! the customer application that the window talks to.

#![cfg(target_os = "linux")]

mod agreement;
mod answers;
mod arrivals;
mod asked;
mod bar;
mod canary;
mod challenges;
mod clipboard;
mod cookies;
mod downloads;
mod endings;
mod gone;
mod home;
mod hostile;
mod journey;
mod keyring;
mod leaving;
mod recipes;
mod renewal;
mod rows;
mod setup;
mod shop;
mod site;
mod webhook;
mod windows;

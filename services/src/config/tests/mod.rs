//! What is written from the table of settings.

mod page;

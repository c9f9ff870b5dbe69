//! The services on Ottla, their HTTP and the ottla command.

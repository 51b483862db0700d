"""A whole run on one machine: embedded servers, roles, one process per component."""

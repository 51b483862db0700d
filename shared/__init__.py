"""A toolbox for the services: mechanisms and arithmetic, no data of its own, no service."""

"""Every write of catalog, one module for each resource."""

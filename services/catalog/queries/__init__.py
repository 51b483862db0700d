"""Every read of catalog, one module for each resource."""

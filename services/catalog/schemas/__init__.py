"""The bodies of catalog's HTTP edge, one module for each resource."""

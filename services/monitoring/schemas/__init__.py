"""The bodies of monitoring's HTTP edge."""

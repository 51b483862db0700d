"""Every read of monitoring."""

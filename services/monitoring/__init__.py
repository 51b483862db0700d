"""Monitoring: watches every listed service, and tells of each fault once."""

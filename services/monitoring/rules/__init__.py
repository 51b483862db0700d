"""The rules of monitoring: pure, without input and output."""

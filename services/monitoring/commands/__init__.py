"""Every write of monitoring: lock, ask the rules, change rows, tell."""

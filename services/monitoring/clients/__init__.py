"""What monitoring calls: the systems that it probes. Never inside of a transaction."""

"""Filing: what is filed with the province, who confirms and decides it, and what is owed."""

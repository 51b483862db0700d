"""Who acts, what they may do, and what nobody may read."""

"""The ledger: random kills under load, and afterwards the books must balance (reliability §3)."""

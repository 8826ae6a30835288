"""Which labels are references, and what is read of them."""

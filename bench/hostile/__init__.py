"""What photos that cost too much do to the others: their latency with and without them."""

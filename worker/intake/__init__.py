"""Where photos come from: what a message announces, and how long it stays hidden."""

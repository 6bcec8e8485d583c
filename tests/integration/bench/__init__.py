"""What the bench measures with."""

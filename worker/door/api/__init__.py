"""What can be asked of the door, and what is answered."""

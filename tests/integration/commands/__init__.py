"""Commands that operators run on AWS, as docs/commands.md shows them."""

"""What a start takes, part by part."""

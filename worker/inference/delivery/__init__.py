"""Models from S3: published, found, downloaded once, checked by their checksums."""

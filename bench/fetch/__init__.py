"""What fetching a photo costs, beside other ways to do it."""

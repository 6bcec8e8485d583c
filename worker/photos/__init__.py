"""A photo's bytes become an array and a perceptual hash. Pure."""

"""The only package that imports boto3, redis, TensorFlow and LiteRT."""

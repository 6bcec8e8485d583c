"""The only package that imports boto3, pycurl, redis, TensorFlow, LiteRT and OpenVINO."""

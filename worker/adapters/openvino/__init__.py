"""OpenVINO, an extra: it runs translations on CPUs, on some of them faster than LiteRT."""

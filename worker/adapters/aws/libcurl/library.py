"""pycurl, with the libcurl and OpenSSL of its own wheel, whatever TensorFlow has loaded.

TensorFlow's library shows everybody a libcurl and a BoringSSL of its own. Whoever is loaded after it
would call those, and pycurl refuses to start with an older libcurl. RTLD_DEEPBIND makes a library
prefer its own (dlopen(3)); macOS, which lacks it, always does.
"""

import os
import sys

_flags = sys.getdlopenflags()
sys.setdlopenflags(_flags | getattr(os, "RTLD_DEEPBIND", 0))
try:
    import pycurl
finally:
    sys.setdlopenflags(_flags)

__all__ = ["pycurl"]

"""Keys of objects that URLs change, or that somebody may take for a path."""

DOTS = (
    "..",
    ".",
    "../a",
    "./a",
    "a/./b",
    "a/../b",
    "a/..",
    "a/.",
    "a.",
    "...",
    "x/../../not-allowed/private",
)
SLASHES = ("/", "/a", "//a", "a//b", "a/", "//host/a", "http://host/a", "\\", "..\\a", "a\\..\\b")
ENCODED = ("%2e%2e/a", "a/%2E%2E/b", "a%2Fb", "%252e", "a%20b", "%", "%zz", "%00", "a+b", "a b", " a ")
OF_URLS = ("a?b=c", "a?versionId=1", "a#b", "a;b", "a&b=c", "user@host:1", "[::1]", "~a", "a*'()!,$")
UNPRINTABLE = ("\x01\x1f\x7f", "a\tb\nc\rd", "\x0b\x0c\x85\u2028", "\ufeff", "\u202e", 'a|b"<>`{}^')
OTHER_SCRIPTS = ("ключ", "e\u0301", "é", "🍕", "．．/a", "‥/a")  # the last two look like dots
KEYS = (*DOTS, *SLASHES, *ENCODED, *OF_URLS, *UNPRINTABLE, *OTHER_SCRIPTS)

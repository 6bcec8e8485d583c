"""`python -m localstack`. Ctrl-C leaves no traceback, not even during the imports."""

import sys

try:
    from localstack.run import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())

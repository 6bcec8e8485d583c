"""`python -m localstack`: the imports take a second, and Ctrl-C is quiet from the first moment."""

import sys

try:
    from localstack.run import main
except KeyboardInterrupt:
    sys.exit(130)

sys.exit(main())

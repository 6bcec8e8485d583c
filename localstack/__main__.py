"""`python -m localstack`."""

import worker.interrupts  # noqa: F401 - before all else

# isort: split
import sys

from localstack.run import main

sys.exit(main())

"""An HTTP proxy before LocalStack, and the faults that it can show its clients."""

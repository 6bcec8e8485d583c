"""Photos by HTTP: the door beside other servers, and beside the queue."""

"""HTTP/1.1 within bounds: the server, its connections, and what each may cost."""

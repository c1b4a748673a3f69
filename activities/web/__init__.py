"""HTTP: bytes to use cases and back, who may call, and the page of a batch."""

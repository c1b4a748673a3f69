"""The use case: send, look up, once, together, when again; what it needs of Graph and storage as protocols."""

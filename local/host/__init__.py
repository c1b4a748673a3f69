"""A small Functions host: what runs the app's functions. It knows nothing of what the app talks to."""

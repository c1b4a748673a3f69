"""Graph, its people and courses, and the identity endpoint, emulated. They know nothing of who asks."""

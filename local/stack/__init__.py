"""All of it together: children started and stopped, storage, everything at once, the demo."""

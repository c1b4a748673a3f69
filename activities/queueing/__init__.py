"""One message of the activity queue: its records, and the three ends that each can come to."""

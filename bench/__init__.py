"""What the product costs beside what people would otherwise write; run by ``make bench``."""

"""What a request may say: the two kinds of activity, one record, one value. Pure."""

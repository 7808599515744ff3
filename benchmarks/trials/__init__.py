"""What the trials of decisions 4 and 6 are made of: needs of three lengths, cached vectors, legs as arrays."""

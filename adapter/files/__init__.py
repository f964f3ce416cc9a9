"""What there is: the source's list, the bucket's list, the index, and the decision for each file."""

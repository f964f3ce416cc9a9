"""What there is: the lists of source and bucket, the index, the decision for each file, the manifest."""

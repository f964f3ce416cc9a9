"""A directory that no bucket has: listing it is one request, and proves the bucket and its zone."""

NOWHERE = ".pluton-qingstor-no-such-directory"
"""A path to list instead of a bucket's root, which may take minutes in a full bucket."""

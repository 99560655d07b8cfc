"""What the sentences of the pages claim, computed from the files of benchmarks/results.

Each function returns the claims of a page: parts of sentences, or rows of tables, word for word.
"""

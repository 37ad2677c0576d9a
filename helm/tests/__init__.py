"""The chart's tests, a file for each idea. helm/test.py runs them."""

"""The functions' jobs. A job can import every other package, but no other job."""

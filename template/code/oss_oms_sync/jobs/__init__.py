"""What the functions do. A job may import every other package, but no other job."""

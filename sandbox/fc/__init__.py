"""Function Compute: runs the function's code in processes of its own, as the real one does."""

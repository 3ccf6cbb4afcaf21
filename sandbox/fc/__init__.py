"""Function Compute: processes that run the function's code, as in the cloud."""

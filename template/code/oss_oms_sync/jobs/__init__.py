"""What the functions do: forward, replay, reconcile, doctor, status."""

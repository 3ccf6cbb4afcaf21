"""What besides the objects somebody moves by hand: the settings of both buckets, side by side."""

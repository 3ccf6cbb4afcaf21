"""Reports as lines on a terminal, or as a web page in a single file, without scripts or other requests."""

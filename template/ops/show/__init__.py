"""Reports as lines on a terminal, or as a web page in one file, without scripts or other requests."""

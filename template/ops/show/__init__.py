"""Reports as lines on a terminal, or as a web page: a single file that has no scripts and loads no other files."""

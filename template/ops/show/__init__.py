"""Reports as somebody sees them: lines on a terminal, or a web page in one file, without a script, and nothing is
fetched."""

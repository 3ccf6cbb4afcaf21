"""Reports on the functions' answers, made of blocks such as tables and figures; `ops.show` draws the blocks."""

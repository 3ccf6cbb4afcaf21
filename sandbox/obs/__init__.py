"""Huawei OBS on loopback: a bucket that a sync task writes to, and that others may list and read."""

"""Huawei OBS on loopback: the destination of a sync task, which others can list and read."""

"""Huawei OBS on loopback: the destination bucket of a sync task, which clients can read."""

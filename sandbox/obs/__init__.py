"""Huawei OBS on loopback: the destination of a sync task, readable by other clients."""

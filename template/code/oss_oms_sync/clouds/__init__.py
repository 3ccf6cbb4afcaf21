"""All network access: the clients of OSS, OBS and OMS, and the connections that they share."""

"""Huawei's Object Storage Migration Service, with its gateway."""

"""Huawei's Object Storage Migration Service (OMS), with its API gateway."""

"""Alibaba Cloud's Object Storage Service (OSS)."""

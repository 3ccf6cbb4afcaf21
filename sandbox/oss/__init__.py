"""A simulation of Alibaba Cloud's Object Storage Service (OSS)."""

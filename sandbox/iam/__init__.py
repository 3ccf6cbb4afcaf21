"""Huawei Cloud IAM: users, access keys and identity policies of API v5, and domains and projects of API v3."""

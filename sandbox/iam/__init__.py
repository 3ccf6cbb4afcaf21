"""Huawei Cloud IAM: users, keys and identity policies of v5, domains and projects of v3."""

"""Huawei Cloud IAM: users, access keys and identity policies of API v5; domains and projects of v3."""

"""Huawei Cloud IAM: v5's users, keys and identity policies, and what v3 tells of the account."""

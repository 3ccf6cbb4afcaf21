"""The Alibaba Cloud account that everything in the sandbox belongs to."""

ACCOUNT_ID = "1000000000000001"

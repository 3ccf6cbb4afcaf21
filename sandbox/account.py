"""Identifiers of the accounts that own the sandbox's resources, in Alibaba Cloud and in Huawei Cloud."""

ACCOUNT_ID = "1000000000000001"
DOMAIN_ID = "000000000000000000000000000d0a17"
